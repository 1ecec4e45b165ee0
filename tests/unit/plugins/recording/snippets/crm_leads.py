"""Leads of a CRM, typed in by people: addresses of mail, telephone numbers, countries, job titles, company forms."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "won"

FREE_MAIL = ["gmail.com", "yahoo.com", "hotmail.com", "gmx.de", "outlook.com"]
COUNTRIES = {"DE": "Germany", "GERMANY": "Germany", "DEUTSCHLAND": "Germany", "US": "USA", "UNITED STATES": "USA", "U.S.": "USA"}


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "first_name": ["Anna", " BEN", "çelik", None, "Dora ", "Émile"],
            "email": ["anna@Gmail.com", "ben.k@acme.io", None, "info@müller-gmbh.de", "not an address", "emile@gmx.de"],
            "phone": ["+49 (0)30 123-456", "001 555.0100", None, "030/99 88 77", "n/a", "+33 1 23 45 67 89"],
            "country": [" de", "United States", "France", "Deutschland", "us ", None],
            "company": ["Acme Inc.", "acme inc", "Müller GmbH", "Müller GmbH & Co. KG", None, "Freelancer"],
            "job_title": ["CEO", "Head of Marketing", "Software Engineer", "Managing Director", "intern", None],
            "source": ["web", "fair", "web", "partner", "web", "cold call"],
            "employees": ["11-50", "1001-5000", None, "51-200", "1-10", "1-10"],
            "won": [1, 0, 0, 1, 0, 0],
        }
    )


def features(leads: pd.DataFrame) -> pd.DataFrame:
    leads["email_domain"] = leads["email"].str.lower().str.split("@").str[1]
    leads["free_mail"] = leads["email_domain"].isin(FREE_MAIL).astype(int)
    leads["has_email"] = leads["email"].notna()
    digits = leads["phone"].str.replace(r"\D", "", regex=True)
    leads["valid_phone"] = digits.str.len().between(7, 15)
    leads["country"] = leads["country"].str.strip().str.upper().replace(COUNTRIES).fillna("unknown")
    leads["is_german"] = np.where(leads["country"] == "Germany", 1, 0)
    leads["company_clean"] = (
        leads["company"]
        .str.lower()
        .str.replace(r"\b(inc|gmbh|ltd|co|kg|llc)\b\.?", "", regex=True)
        .str.replace(r"[^\w\s]", "", regex=True)
    ).str.strip()
    leads["is_company"] = leads["company"].str.contains(r"\b(?:inc|gmbh|ltd)\b", case=False, regex=True, na=False)
    title = leads["job_title"].fillna("").str.lower()
    leads["senior"] = title.str.contains("ceo|cto|director|head|vp|chief").astype(int)
    leads["first_name"] = leads["first_name"].str.strip().str.title()
    leads["min_employees"] = leads["employees"].str.split("-").str[0].astype(float).fillna(0)
    top = leads["source"].value_counts().nlargest(2).index
    leads["source"] = leads["source"].where(leads["source"].isin(top), "Other")
    return leads.drop(columns=["email", "phone", "company", "job_title", "employees"])
