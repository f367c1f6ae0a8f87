"""Carries a Decision out: intent, re-read, PUT, read back, result. Computes nothing; stops on doubt."""
