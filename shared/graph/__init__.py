"""Microsoft Graph: ``protocol`` and ``reports`` speak, ``client`` sends, ``tokens`` lets us in."""
