-- The cases of faults over plain HTTP.

require "spec.faults.matrix" (_ENV, "http")
