-- The cases of faults over TLS.

require "spec.faults.matrix" (_ENV, "https")
