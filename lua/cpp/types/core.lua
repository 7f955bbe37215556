-- Types for editors and for doc/reference.md: the C module. Programs need it for loops of their own
-- only; what stands here is what csrc/ says above each function.
---@meta _

---The C module. It may change with any version, but for what [loops](loops.md) names.
---@class cpp.core
---@field endpoints { name: string, method: "GET"|"POST" }[] # the calls in csrc/endpoint.c
---@field poller "epoll"|"poll" # how it waits
---@field libcurl string # the version of libcurl that runs
---@field _VERSION string # the version of the package
local core = {}

---Makes the C side of a client.
---@param options? cpp.ClientOptions
---@return cpp.CoreClient
function core.client(options) end

---Decodes strict JSON (RFC 8259) with 100,000 values and 64 levels at most, and finite numbers only. Of members with the
---same name the last one counts; `null` becomes nil.
---@param text string
---@return any value
---@return string? problem # where it is none: what is wrong with it
function core.decode(text) end

---Text of the service as it may be shown: printable, in one line, without secrets and addresses. Of a table a copy
---of which the same is true, in its values and its names; anything else as it is.
---@param value any
---@param limit integer # bytes that are kept, 65536 at most
---@param secrets? table # a list; the first 16 that differ are looked for, and those of its field `emails`
---@return any shown
function core.redact(value, limit, secrets) end

---Seconds on a clock that never jumps.
---@return number seconds
function core.monotonic() end

---A number in [0, 1), not from the host's generator.
---@return number
function core.random() end

---Whether a file of the io library is a terminal.
---@param file file*
---@return boolean
function core.is_terminal(file) end

---Prepares this process for the command: SIGPIPE is ignored, SIGHUP, SIGINT and SIGTERM are only noted (the third ends the
---process), and no socket gets the number of a standard stream that is closed. A library leaves these to its host.
---@param grace integer # seconds after the first signal in which a second one is noted automatically, and writes no longer wait
function core.begin_command(grace) end

---The signals that were noted.
---@return integer count 0, 1 or 2
---@return integer? first the number of the first one
function core.signals() end

---The size of a terminal.
---@param file file*
---@return integer? columns nil where it is no terminal, or has no size
---@return integer? rows
function core.terminal_size(file) end

---Raises unless the options are right for that scope.
---@param scope "client"|"call"|"wait"|"batch"
---@param options? table
function core.check(scope, options) end

---Copies a table of options, with the list of addresses and the wait's options in it. It is read as `options.name` and
---`list[i]` read it: with `__index`, and a list with `__len`.
---@param options table
---@return table copy
function core.snapshot(options) end

---Raises a usage error at the caller's own line.
---@param message string
function core.misuse(message) end

---Has usage errors skip the file that calls this, and the files beside it: they are not the caller's own.
function core.hide() end

---The C side of a client: one libcurl multi handle.
---@class cpp.CoreClient
local CoreClient = {}

---Starts a request.
---@param endpoint string # a name of csrc/endpoint.c
---@param options? table # of the call
---@param token? string
---@param client_request_id? string
---@param timeout? number # seconds that it may take, instead of the option
---@return cpp.CoreRequest request
---@return integer? index # as of request:index; nil if the request is done already
function CoreClient:start(endpoint, options, token, client_request_id, timeout) end

---Raises what start would raise of them, and starts nothing.
---@param endpoint string # a name of csrc/endpoint.c
---@param options? table # of the call
function CoreClient:check(endpoint, options) end

---What `start` would send, but for the token.
---@param endpoint string
---@param options table
---@return string method
---@return string? url nil where the location must not be polled
---@return string lines the header lines, but for those of host, length and token
---@return string body
function CoreClient:describe(endpoint, options) end

---Does what is due, and waits at most so long for something to happen: 0 is not at all, absent is until something does.
---Without waiting (0) it takes about half a millisecond at most, and leaves the rest to the next one.
---@param seconds? number
---@return integer running # how many requests still run
---@return integer finished # how many have finished and were not claimed
function CoreClient:step(seconds) end

---Claims the request that finished first; also returns the index that it had, and the size of its response.
---@return cpp.CoreRequest? request
---@return integer? index
---@return integer? bytes # of the response's body
function CoreClient:finished() end

---The one descriptor to watch for reading; nil in a build without epoll: then step every 10 ms.
---@return integer? descriptor
function CoreClient:pollfd() end

---What to watch the descriptor for.
---@return "r"
function CoreClient:events() end

---Seconds until a step is due although the descriptor stays quiet; nil is never. Ask again after each step, and after
---each call that was begun.
---@return number? seconds
function CoreClient:timeout() end

---Lets the next step, and the next timeout(), end no later than in so many seconds. It rings once.
---@param seconds number
function CoreClient:alarm(seconds) end

---Whether it is open, and was made in this process.
---@return boolean
function CoreClient:usable() end

---Ends what runs with kind "closed". Closing twice is fine.
function CoreClient:close() end

---One request: it runs until it is done, aborted, or its client is closed.
---@class cpp.CoreRequest
local CoreRequest = {}

---Whether it has a result.
---@return boolean
function CoreRequest:done() end

---The response; or nil and the failure. The request must be done. May be called again.
---@return table? result
---@return table? failure
function CoreRequest:result() end

---Blocks until the request is done, and gives its result. Gives nothing after 0.1 s, so that Lua runs
---the hook of a signal (Ctrl-C), or if another request of the client has finished: call it again then.
---@return table? result
---@return table? failure
---@return boolean? others # whether other requests have finished that were not claimed
function CoreRequest:wait() end

---Ends it with kind "stopped" if it runs. The service may have acted on it.
function CoreRequest:abort() end

---When it was started, in seconds of core.monotonic.
---@return number
function CoreRequest:started() end

---The time of the service's clock when it responded, in seconds since 1970.
---@return integer? date # nil where it did not tell, and before the result was read
function CoreRequest:date() end

---@return "GET"|"POST"|nil method
---@return string? url # nil where a location was refused
function CoreRequest:url() end

---Resolves the place to poll that the response's body names (RFC 3986).
---@param reference string
---@return string? location
---@return string? operation_id
function CoreRequest:resolve(reference) end

---A small whole number that no other request of the client has until this one is claimed; nil afterwards.
---@return integer? index
function CoreRequest:index() end
