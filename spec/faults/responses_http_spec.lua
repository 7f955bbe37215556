-- The corpus of responses over plain HTTP.

require "spec.faults.corpus" (_ENV, "http")
