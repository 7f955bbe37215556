-- Types for editors and for doc/reference.md: the C module. Programs need it only for their own loops. The functions in
-- csrc/ are documented here alone.
---@meta _

---The C module. It may change in any version, except for the parts that [loops](loops.md) describes.
---@class cpp.core
---@field endpoints { name: string, method: "GET"|"POST" }[] # the rows of csrc/endpoint.c
---@field poller "epoll"|"poll" # the system interface that it waits with
---@field libcurl string # the version of libcurl at run time
---@field _VERSION string # the version of the package
local core = {}

---Creates the C part of a client.
---@param options? cpp.ClientOptions
---@return cpp.CoreClient
function core.client(options) end

---Decodes strict JSON (RFC 8259) with at most 100,000 values, at most 64 levels, and finite numbers. Of members with the
---same name the last one counts; `null` becomes nil.
---@param text string
---@return any value
---@return string? problem # if the text is not such JSON: what is wrong with it
function core.decode(text) end

---Makes text of the service safe to show: printable, on one line, without secrets and addresses. A table is copied, with
---its names and values made safe; any other value is returned unchanged.
---@param value any
---@param limit integer # the number of bytes to keep, at most 65536
---@param secrets? table # a list of secrets, of which the first 16 different ones count; its field `emails` lists addresses
---@return any shown
function core.redact(value, limit, secrets) end

---Returns the time of a clock that never jumps.
---@return number seconds
function core.monotonic() end

---Returns a random number in [0, 1). It does not use Lua's generator, whose sequence the host may depend on.
---@return number
function core.random() end

---Returns whether a file of the io library is a terminal.
---@param file file*
---@return boolean
function core.is_terminal(file) end

---Prepares the process for the command `cpp-portal`. SIGPIPE is ignored. SIGHUP, SIGINT and SIGTERM are only counted, and
---the third one ends the process. No socket gets the number of a closed standard stream. In other programs, the host decides
---these things.
---@param grace integer # this many seconds after the first signal, a second one is counted, and writes no longer wait
function core.begin_command(grace) end

---Returns the signals received so far.
---@return integer count # 0, 1 or 2
---@return integer? first # the number of the first signal
function core.signals() end

---Returns the size of a terminal.
---@param file file*
---@return integer? columns # nil if it is not a terminal, or has no size
---@return integer? rows
function core.terminal_size(file) end

---Raises an error unless the options are valid in this scope.
---@param scope "client"|"call"|"wait"|"batch"
---@param options? table
function core.check(scope, options) end

---Copies a table of options, including its list of addresses and the options of its wait. It is read like `options.name`
---and `list[i]`: with `__index`, and a list with `__len`.
---@param options table
---@return table copy
function core.snapshot(options) end

---Raises an error of misuse at the line of the caller's code.
---@param message string
function core.misuse(message) end

---Excludes the calling file, and the files in its folder, from the lines at which `misuse` raises an error: they are not
---the caller's code.
function core.hide() end

---The C part of a client. It has one libcurl multi handle.
---@class cpp.CoreClient
local CoreClient = {}

---Starts a request.
---@param endpoint string # a name of csrc/endpoint.c
---@param options? table # of the call
---@param token? string
---@param client_request_id? string
---@param timeout? number # the seconds that the request may take, instead of the option `timeout`
---@return cpp.CoreRequest request
---@return integer? index # as from `request:index()`; nil if the request is already done
function CoreClient:start(endpoint, options, token, client_request_id, timeout) end

---Raises the error that `start` would raise for this misuse, and starts nothing.
---@param endpoint string # a name of csrc/endpoint.c
---@param options? table # of the call
function CoreClient:check(endpoint, options) end

---Returns what `start` would send, without the token.
---@param endpoint string
---@param options table
---@return string method
---@return string? url # nil if the location must not be polled
---@return string lines # the header lines, except Host, Content-Length and Authorization
---@return string body
function CoreClient:describe(endpoint, options) end

---Does what is due, after waiting at most this many seconds for an event. 0 does not wait; without an argument it waits
---until an event. A step that does not wait takes about half a millisecond at most, and leaves the rest to the next step.
---@param seconds? number
---@return integer running # the number of requests that are still running
---@return integer finished # the number of finished requests that were not yet claimed
function CoreClient:step(seconds) end

---Claims the request that finished first.
---@return cpp.CoreRequest? request
---@return integer? index # the index that the request had
---@return integer? bytes # of the response's body
function CoreClient:finished() end

---Returns the descriptor to watch for reading. In a build without epoll it is nil: step every 10 ms instead.
---@return integer? descriptor
function CoreClient:pollfd() end

---Returns the events to watch the descriptor for.
---@return "r"
function CoreClient:events() end

---Returns the seconds after which a step is due even without an event of the descriptor; nil means never. Read it again
---after each step and after each new call.
---@return number? seconds
function CoreClient:timeout() end

---Makes the next step end, and the next `timeout()` expire, within this many seconds. It applies once.
---@param seconds number
function CoreClient:alarm(seconds) end

---Returns whether the client is open and was created in this process.
---@return boolean
function CoreClient:usable() end

---Ends all running requests with kind "closed". A second `close` does nothing.
function CoreClient:close() end

---One request. It runs until it is done or aborted, or its client is closed.
---@class cpp.CoreRequest
local CoreRequest = {}

---Returns whether the request has a result.
---@return boolean
function CoreRequest:done() end

---Returns the response; or nil and the failure. The request must be done. A further call returns the same.
---@return table? result
---@return table? failure
function CoreRequest:result() end

---Blocks until the request is done, and returns its result. Returns nothing after 0.1 s, so that Lua can run the hook of a
---signal (Ctrl-C), and when another request of the client has finished; then call it again.
---@return table? result
---@return table? failure
---@return boolean? others # whether other requests have finished that were not yet claimed
function CoreRequest:wait() end

---Ends the request with kind "stopped" if it is running. The service may have acted on it.
function CoreRequest:abort() end

---Returns when the request was started, in seconds of `core.monotonic`.
---@return number
function CoreRequest:started() end

---Returns the Date of the response, in seconds since 1970.
---@return integer? date # nil if the response has no Date, and before the result was read
function CoreRequest:date() end

---Returns the method and the URL of the request.
---@return "GET"|"POST"|nil method
---@return string? url # nil if a location was refused
function CoreRequest:url() end

---Resolves the location that the body of the response names (RFC 3986).
---@param reference string
---@return string? location
---@return string? operation_id
function CoreRequest:resolve(reference) end

---Returns a small integer that identifies the request among those of the client, until it is claimed; nil afterwards.
---@return integer? index
function CoreRequest:index() end
