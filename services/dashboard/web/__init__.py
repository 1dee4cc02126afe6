"""What every page needs: templates, languages, sign-in, live updates."""
