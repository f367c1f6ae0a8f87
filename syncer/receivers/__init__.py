"""Receivers of webhooks: whether a URL answers, and a documented payload sent to it on purpose.

Knows nothing of the vendor's API. Connects only to addresses that were checked, and looks no name up twice.
"""
