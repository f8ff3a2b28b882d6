"""Rules of profiles that need more than templates. Pure, one folder a profile."""
