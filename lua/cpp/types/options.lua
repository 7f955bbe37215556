-- Types for editors and for doc/reference.md: the options of a client, of its calls, of wait and of
-- batches. The names and what is accepted are those of csrc/lua_options.c.
---@meta _

---A function that gets a token: it returns the token and, optionally, the seconds until it expires; or nil and why.
---It may wait for whatever the host's loop offers, also in a batch.
---@alias cpp.TokenFunction fun(): string?, (number|string)?

---The options of a client. Each may also be given in a call, where it wins. An unknown option raises, and names a
---known one that is near. A call reads its tables once, before anything is sent, as `options.name` reads them (with
---`__index`); what becomes of them later changes nothing. Identifiers, `api_version`, `status`, `user_agent` and
---`client_request_id` have at most 256 bytes, `client_secret` 2048, `base_url` and `authority_url` 4096, `token` 65,536.
---@class cpp.ClientOptions
---The bearer token, or a function that gets one. A function's token is kept until 300 s before it expires or, where the
---function does not say when, until the service refuses it with 401. See [tokens](tokens.md).
---@field token? string|cpp.TokenFunction
---A service principal, given together with `client_id` and `client_secret`: tokens come from `authority_url`.
---@field tenant? string
---@field client_id? string # of the service principal
---@field client_secret? string # of the service principal
---Asks the v2 endpoint of the token service for this scope, such as `https://cloudpartner.azure.com/.default`, in place
---of the v1 endpoint for the resource `https://cloudpartner.azure.com`.
---@field scope? string
---The service: https, or plain http on loopback; a path before `/api` is fine.
---Default: `https://cloudpartner.azure.com`.
---@field base_url? string
---@field authority_url? string # the token service, likewise. Default: `https://login.microsoftonline.com`.
---@field api_version? string # Default: `2017-10-31`.
---Seconds for one request, from its start to the end of its response. It also bounds the pauses between the attempts of
---one call, and what a batch has it wait for. Default: `300`.
---@field timeout? number
---@field connect_timeout? number # seconds for name resolution, connecting and the TLS handshake. Default: `30`.
---@field retries? integer # how often a request is retried at most, when that is safe. Default: `3`.
---@field ca_file? string # a PEM file of certificate authorities to trust beside the system's
---A URL; as with curl (https_proxy, no_proxy), for https only; `""` is none. Default: the environment's.
---@field proxy? string
---@field max_response_bytes? integer # of a response's body. Default: `4194304`.
---How many the client has at one time; what does not get one waits; 0 is no limit. Given in a call, it holds for the
---client from then on. Default: `0`.
---@field max_connections? integer
---@field user_agent? string # Default: `lua-cpp/VERSION libcurl/VERSION`.
---Sent as x-ms-client-request-id, the same for every attempt of a call. Default: a random UUID.
---@field client_request_id? string
---Further header lines of each request to the service, such as `traceparent` of W3C Trace Context: at most 16, with
---printable values of up to 2,048 bytes. Those of a call are added to the client's, and replace those of the same name; so
---do those of an item in a batch, and of a wait within a call. Refused are those that frame the message, carry
---credentials, or have an option of their own. A value is no secret: a message may show it. The token service gets none.
---@field headers? table<string, string>
---How calls wait: see [loops](loops.md). In an item of a batch it is the batch that waits. Default: `cpp.loop.blocking`.
---@field loop? cpp.Loop
---@field log? fun(entry: cpp.LogEntry) # called after each attempt. What it raises becomes a warning

---What names a publisher; and any option of a client.
---@class cpp.PublisherOptions : cpp.ClientOptions
---@field publisher string # the publisher's identifier, such as "contoso"

---What offers takes.
---@class cpp.OffersOptions : cpp.PublisherOptions
---Only offers of this type, such as "microsoft-azure-virtualmachines" (offerTypeId). The service filters them: not
---documented, but used by other clients.
---@field type? string

---What names an offer; and any option of a client.
---@class cpp.OfferOptions : cpp.PublisherOptions
---@field offer string # the offer's identifier

---What offer takes: one of `version` and `slot`, or neither.
---@class cpp.OneOfferOptions : cpp.OfferOptions
---@field version? integer|string # the number of a version
---@field slot? "draft"|"preview"|"production"|string

---What cancel, publish and go_live take.
---@class cpp.StartOptions : cpp.OfferOptions
---Addresses to notify: a list, one comma separated string, or nothing. By its documentation, the service ignores them for
---migrated offers.
---@field emails? string|string[]
---@field wait? boolean|cpp.WaitOptions # true, or wait's options: return what cpp.wait returns
---Of cancel: asks first whether something runs, by the submissions and the status of the offer, and sends nothing where
---nothing does (`outcome` is "none").
---@field if_running? boolean

---What operations takes.
---@class cpp.OperationsOptions : cpp.OfferOptions
---@field status? string # a filter of the service, such as "running"; how it compares is not documented

---Where an operation is: a location; or publisher, offer and operation_id; and any option of a client.
---@class cpp.OperationTarget : cpp.ClientOptions
---@field location? string # a URL of the service, absolute or relative
---@field publisher? string # the publisher's identifier
---@field offer? string # the offer's identifier
---@field operation_id? string # the operation's identifier; absent, in cpp.wait only: whatever runs on the offer

---The options of a wait; and any option of a client, for each of its requests.
---@class cpp.WaitOptions : cpp.ClientOptions
---Seconds for the whole wait: its requests and pauses, and what a batch has it wait for. Default: `900`.
---@field timeout? number
---@field interval? number # seconds between two looks at first; it grows by half each time. Default: `5`.
---@field max_interval? number # seconds between two looks at most. Default: `30`.
---Called after every look, with a copy of the operation. What it raises ends the wait with kind `raised`.
---@field on_progress? fun(operation: cpp.Operation)
---Asked between two requests and at least once a second in a pause; true ends the wait with kind `stopped`, and what it
---raises with kind `raised`.
---@field should_stop? fun(): boolean?

---The options of a batch. Those of a client are for cancel_all, and for the calls that a function of map makes.
---@class cpp.MapOptions
---Requests in flight at most. An item that waits between two looks holds no connection. Default: `16`.
---@field concurrency? integer
---Called as items finish. What it raises ends the batch as should_stop does, with kind `raised`.
---@field on_result? fun(index: integer, entry: cpp.Entry)
---Asked at least once a second; when it returns true nothing more is begun, and what was not begun or still waits ends
---with kind `stopped`. Requests in flight finish.
---@field should_stop? fun(): boolean?
---@field loop? cpp.Loop # how the batch waits. Default: the client's.

---The options of cancel_all: those of a batch; and any option of a client, for every item without its own.
---@class cpp.CancelAllOptions : cpp.MapOptions, cpp.ClientOptions
---@field wait? boolean|cpp.WaitOptions # true, or wait's options: for every item
---@field if_running? boolean # as in cancel: for every item
