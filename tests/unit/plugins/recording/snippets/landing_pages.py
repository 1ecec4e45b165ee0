"""Conversion on a web shop: addresses with utm parameters, referrers, user agents, the hour of the visit."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "converted"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "url": [
                "https://shop.example.com/shoes/running?utm_source=google&utm_medium=cpc&utm_campaign=spring_24",
                "https://shop.example.com/",
                "https://shop.example.com/SALE/bags?utm_source=newsletter&utm_medium=email",
                "https://shop.example.com/checkout/cart/?ref=abc",
                "http://shop.example.com/shoes?utm_source=Facebook&utm_medium=social&utm_campaign=retarget",
                None,
            ],
            "referrer": ["https://www.google.com/", None, "", "https://shop.example.com/bags", "https://m.facebook.com/", None],
            "user_agent": [
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 Version/17.2 Mobile Safari/604.1",
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/119.0.0.0 Mobile Safari/537.36",
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:121.0) Gecko/20100101 Firefox/121.0",
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                None,
            ],
            "visited_at": [
                "2024-03-02T08:15:30Z",
                "2024-03-02T23:59:59Z",
                "2024-03-04T12:00:00Z",
                "2024-03-05T19:45:10Z",
                "2024-03-09T03:20:00Z",
                "2024-03-10T16:05:05Z",
            ],
            "seconds_on_page": [34.0, 3.0, None, 310.5, 0.0, 12.0],
            "pages": [3, 1, 2, 9, 1, 1],
            "converted": [0, 0, 1, 1, 0, 0],
        }
    )


def features(t: pd.DataFrame) -> pd.DataFrame:
    t["utm_source"] = t["url"].str.extract(r"utm_source=([^&]+)", expand=False).str.lower().fillna("direct")
    t["utm_medium"] = t["url"].str.extract(r"utm_medium=([^&]+)", expand=False).fillna("none")
    t["is_paid"] = t["utm_medium"].isin(["cpc", "ppc", "paid"]).astype(int)
    path = t["url"].str.replace(r"^https?://[^/]+", "", regex=True).str.split("?").str[0]
    t["depth"] = path.str.strip("/").str.count("/") + 1
    t["section"] = path.str.split("/").str[1].str.lower()
    t["section"] = np.where(t["section"].isin(["shoes", "bags", "sale"]), t["section"], "other")

    ua = t["user_agent"].fillna("").str.lower()
    t["is_mobile"] = ua.str.contains("mobile|android|iphone", regex=True).astype(int)
    t["is_bot"] = ua.str.contains("bot|crawler|spider").astype(int)
    conditions = [ua.str.contains("firefox"), ua.str.contains("chrome"), ua.str.contains("safari")]
    t["browser"] = np.select(conditions, ["firefox", "chrome", "safari"], default="other")
    t["from_search"] = t["referrer"].str.contains("google|bing", na=False)

    t["visited_at"] = pd.to_datetime(t["visited_at"])
    t["hour"] = t["visited_at"].dt.hour
    t["night"] = (t["hour"] >= 22) | (t["hour"] < 6)
    t["seconds_on_page"] = t["seconds_on_page"].fillna(0)
    t["seconds_per_page"] = t["seconds_on_page"] / t["pages"].replace(0, 1)
    return t.drop(columns=["url", "referrer", "user_agent", "visited_at"])
