"""Use case 4: a copy of everything that the service keeps, and the service made anew from it."""
