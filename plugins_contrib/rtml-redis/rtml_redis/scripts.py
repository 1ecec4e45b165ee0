"""What runs inside of Redis. A script runs alone, so what it compares is still so when it writes.

Keys, all behind the prefix: p:ID a person as "VERSION:DATA"; i:KEY the person that owns an identity; e:KEY the events of an
identity as a sorted set in the order of its members, 16 hexadecimal digits of the time and the id; d:KEY their
documents by member; ids all persons in order; ek the identities with events, by the second of their first; marks, named and
totals are hashes. Every script gets the prefix as its only key: the others are made from it, which a cluster would not allow.
"""

from __future__ import annotations

from typing import Final

_COMMON: Final = """
local P = KEYS[1]
local call = redis.call
local function owner(key)
  local id = call('GET', P .. 'i:' .. key)
  if id and call('EXISTS', P .. 'p:' .. id) == 1 then return id end
  return false
end
"""

# ARGV[1]: MessagePack of {expect, owners, put, remove, own, events, forget, marks}, each a flat list; data are places in ARGV;
# versions and marks are texts of digits, as Lua's numbers are floats; false is nobody. 1: applied, 0: an expectation fails;
# {key, person}: that person is not there.
CHANGE: Final = (
    _COMMON
    + """
local expect, owners, put, remove, own, events, forget, marks = unpack(cmsgpack.unpack(ARGV[1]))
local function version(id)
  return string.match(call('GETRANGE', P .. 'p:' .. id, 0, 24), '^(%d+):') or '0'
end
for i = 1, #expect, 2 do
  if version(expect[i]) ~= expect[i + 1] then return 0 end
end
for i = 1, #owners, 2 do
  if owner(owners[i]) ~= owners[i + 1] then return 0 end
end
for i = 1, #marks, 2 do
  local old, new = call('HGET', P .. 'marks', marks[i]) or '0', marks[i + 1]
  if #new < #old or (#new == #old and new <= old) then return 0 end
end
local putting, removing = {}, {}
for i = 1, #put, 2 do putting[put[i]] = true end
for i = 1, #remove do if not putting[remove[i]] then removing[remove[i]] = true end end
for i = 1, #own, 2 do
  local id = own[i + 1]
  if id and not putting[id] and (removing[id] or call('EXISTS', P .. 'p:' .. id) == 0) then return {own[i], id} end
end

for id in pairs(removing) do
  if call('DEL', P .. 'p:' .. id) == 1 then call('ZREM', P .. 'ids', id) end
end
for i = 1, #put, 2 do
  local old = version(put[i])
  call('SET', P .. 'p:' .. put[i], string.format('%d', tonumber(old) + 1) .. ':' .. ARGV[put[i + 1]])
  if old == '0' then call('ZADD', P .. 'ids', 0, put[i]) end
end
local identities = 0
for i = 1, #own, 2 do
  local key = P .. 'i:' .. own[i]
  if own[i + 1] then
    if call('EXISTS', key) == 0 then identities = identities + 1 end
    call('SET', key, own[i + 1])
  else
    identities = identities - call('DEL', key)
  end
end
local many = 0
for i = 1, #forget do
  many = many - call('ZCARD', P .. 'e:' .. forget[i])
  call('DEL', P .. 'e:' .. forget[i], P .. 'd:' .. forget[i])
  call('ZREM', P .. 'ek', forget[i])
end
for i = 1, #events, 4 do
  local key, member = events[i], events[i + 1]
  if call('HSET', P .. 'd:' .. key, member, ARGV[events[i + 3]]) == 1 then
    many = many + 1
    call('ZADD', P .. 'e:' .. key, 0, member)
    call('ZADD', P .. 'ek', 'LT', events[i + 2], key)
  end
end
if identities ~= 0 then call('HINCRBY', P .. 'totals', 'identities', identities) end
if many ~= 0 then call('HINCRBY', P .. 'totals', 'events', many) end
for i = 1, #marks, 2 do call('HSET', P .. 'marks', marks[i], marks[i + 1]) end
return 1
"""
)

FIND: Final = """
local id = redis.call('GET', KEYS[1] .. 'i:' .. ARGV[1])
if not id then return false end
local data = redis.call('GET', KEYS[1] .. 'p:' .. id)
if not data then return false end
return {id, data}
"""

OWNERS: Final = (
    _COMMON
    + """
local found = cmsgpack.unpack(ARGV[1])
for i = 1, #found do found[i] = owner(found[i]) end
return found
"""
)

# ARGV[1]: keys; ARGV[2], ARGV[3]: bounds of members; ARGV[4]: limit; ARGV[5]: "1" for the last first. Gives the place of the key,
# member and document of each event in turn. Texts are compared by their bytes: Lua's "<" asks for the language of the machine.
EVENTS: Final = (
    _COMMON
    + """
local keys, limit, down = cmsgpack.unpack(ARGV[1]), tonumber(ARGV[4]), ARGV[5] == '1'
local range, from, to = 'ZRANGEBYLEX', ARGV[2], ARGV[3]
if down then range, from, to = 'ZREVRANGEBYLEX', to, from end
local found = {}
for i = 1, #keys do
  for _, member in ipairs(call(range, P .. 'e:' .. keys[i], from, to, 'LIMIT', 0, limit)) do found[#found + 1] = {i, member} end
end
if #keys > 1 then
  local function before(a, b)
    local one, other = a[2], b[2]
    if down then one, other = other, one end
    if one == other then return a[1] < b[1] end
    local size, first = math.min(#one, #other), 1
    while first <= size do
      local x, y = string.byte(one, first), string.byte(other, first)
      if x ~= y then return x < y end
      first = first + 1
    end
    return #one < #other
  end
  table.sort(found, before)
end
local answer = {}
for i = 1, math.min(limit, #found) do
  local key, member = found[i][1], found[i][2]
  answer[#answer + 1] = key
  answer[#answer + 1] = member
  answer[#answer + 1] = call('HGET', P .. 'd:' .. keys[key], member)
end
return answer
"""
)

PERSONS: Final = """
local answer = {}
for _, id in ipairs(redis.call('ZRANGEBYLEX', KEYS[1] .. 'ids', ARGV[1], '+', 'LIMIT', 0, ARGV[2])) do
  answer[#answer + 1] = id
  answer[#answer + 1] = redis.call('GET', KEYS[1] .. 'p:' .. id)
end
return answer
"""

SET_VALUE: Final = """
local old = redis.call('HGET', KEYS[1] .. 'named', ARGV[1])
if (old and string.match(old, '^(%d+):') or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1] .. 'named', ARGV[1], string.format('%d', tonumber(ARGV[2]) + 1) .. ':' .. ARGV[3])
return 1
"""

# ARGV[1]: the last second that may hold some; ARGV[2]: bound of members, exclusive; ARGV[3]: limit. An identity whose first event
# is not old after all, but of that same second, is passed over.
DROP: Final = """
local P, call = KEYS[1], redis.call
local limit, dropped, over = tonumber(ARGV[3]), 0, 0
while dropped < limit do
  local keys = call('ZRANGEBYSCORE', P .. 'ek', '-inf', ARGV[1], 'LIMIT', over, 100)
  if #keys == 0 then break end
  for _, key in ipairs(keys) do
    if dropped < limit then
      local old = call('ZRANGEBYLEX', P .. 'e:' .. key, '-', ARGV[2], 'LIMIT', 0, limit - dropped)
      for first = 1, #old, 1000 do
        local last = math.min(first + 999, #old)
        call('ZREM', P .. 'e:' .. key, unpack(old, first, last))
        call('HDEL', P .. 'd:' .. key, unpack(old, first, last))
      end
      dropped = dropped + #old
      local left = call('ZRANGE', P .. 'e:' .. key, 0, 0)[1]
      if left then
        local second = math.floor((tonumber(string.sub(left, 1, 8), 16) * 4294967296 + tonumber(string.sub(left, 9, 16), 16)
          - 9223372036854775808) / 1000000)
        call('ZADD', P .. 'ek', string.format('%.0f', second), key)
        if second <= tonumber(ARGV[1]) then over = over + 1 end
      else
        call('ZREM', P .. 'ek', key)
      end
    end
  end
end
if dropped > 0 then call('HINCRBY', P .. 'totals', 'events', -dropped) end
return dropped
"""
