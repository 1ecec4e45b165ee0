"""Tickets of a help desk: lengths, words, shouting, links, order numbers, moods by words."""

from __future__ import annotations

import re

import pandas as pd

LABEL = "escalated"

ANGRY = ("refund", "angry", "lawyer", "worst", "cancel")


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject": ["Where is my order?", "REFUND NOW!!!", None, "Re: Re: invoice 2024-031", "login  problem "],
            "body": [
                "Hi, I ordered #10233 two weeks ago. Any news?",
                "This is the WORST shop. I want a refund or my lawyer will write!",
                "see https://example.com/ticket/9 and http://example.org",
                "Thanks for the invoice.\nPlease correct the address.",
                "",
            ],
            "channel": ["Mail", "chat", "MAIL ", None, "Phone"],
            "created": ["03/01/2024 09:05", "02/29/2024 23:50", "03/02/2024 00:10", "12/24/2023 18:00", "03/04/2024 12:30"],
            "priority": ["low", "high", "medium", "low", "n/a"],
            "escalated": [0, 1, 0, 0, 0],
        }
    )


def features(t: pd.DataFrame) -> pd.DataFrame:
    t["subject"] = t["subject"].fillna("")
    t["text"] = t["subject"] + " " + t["body"]
    t["n_chars"] = t["text"].str.len()
    t["n_words"] = t["text"].apply(lambda x: len(x.split()))
    t["avg_word"] = t["n_chars"] / t["n_words"]
    t["exclamations"] = t["text"].str.count("!")
    t["questions"] = t["text"].str.count(r"\?")
    t["upper_ratio"] = t["text"].apply(lambda x: sum(1 for c in x if c.isupper()) / max(len(x), 1))
    t["n_links"] = t["body"].str.count(r"https?://")
    t["order_no"] = t["body"].str.extract(r"#(\d+)", expand=False)
    t["has_order"] = t["order_no"].notnull().astype(int)
    t["is_reply"] = t["subject"].str.lower().str.startswith("re:")
    t["angry"] = t["text"].str.lower().apply(lambda x: any(word in x for word in ANGRY))
    t["clean"] = t["text"].apply(lambda x: re.sub(r"[^a-z ]", "", x.lower()).strip())
    t["channel"] = t["channel"].str.strip().str.lower().fillna("other").astype("category")
    t["created"] = pd.to_datetime(t["created"], format="%m/%d/%Y %H:%M")
    t["out_of_hours"] = (t["created"].dt.hour < 9) | (t["created"].dt.hour >= 17) | (t["created"].dt.weekday >= 5)
    t["priority"] = t["priority"].map({"low": 1, "medium": 2, "high": 3}).fillna(2).astype(int)
    return t.drop(columns=["subject", "body", "text", "order_no", "created"])
