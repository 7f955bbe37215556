-- The version of the package. It is defined here and nowhere else: the Makefile reads it.
return "1.0.0"
