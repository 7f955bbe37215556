-- The corpus of responses over TLS.

require "spec.faults.corpus" (_ENV, "https")
