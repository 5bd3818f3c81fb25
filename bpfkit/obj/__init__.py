"""An object file as data: the waist of the hourglass."""
