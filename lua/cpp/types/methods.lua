-- Types for editors: the methods of a client that are also functions of the module. `make doc` writes this
-- file from module.lua: change that file instead.
---@meta _

---@class cpp.Client
local Client = {}

---As cpp.cancel, with this client.
---@param options cpp.StartOptions
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation after it has ended
---@return cpp.Error? err
function Client:cancel(options) end

---As cpp.publish, with this client.
---@param options cpp.StartOptions
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation after it has ended
---@return cpp.Error? err
function Client:publish(options) end

---As cpp.go_live, with this client.
---@param options cpp.StartOptions
---@return cpp.Result|cpp.Operation|nil result # with `wait`, the operation after it has ended
---@return cpp.Error? err
function Client:go_live(options) end

---As cpp.operation, with this client.
---@param target string|cpp.OperationTarget # a location, or a table that names the operation
---@return cpp.Operation? operation
---@return cpp.Error? err
function Client:operation(target) end

---As cpp.operations, with this client.
---@param options cpp.OperationsOptions
---@return cpp.Submission[]? list
---@return cpp.Error? err
function Client:operations(options) end

---As cpp.offers, with this client.
---@param options cpp.OffersOptions
---@return table[]? list
---@return cpp.Error? err
function Client:offers(options) end

---As cpp.offer, with this client.
---@param options cpp.OneOfferOptions
---@return table? offer
---@return cpp.Error? err
function Client:offer(options) end

---As cpp.publishers, with this client.
---@param options cpp.ClientOptions
---@return table[]? list
---@return cpp.Error? err
function Client:publishers(options) end

---As cpp.offer_status, with this client.
---@param options cpp.OfferOptions
---@return cpp.OfferStatus? status
---@return cpp.Error? err
function Client:offer_status(options) end

---As cpp.wait, with this client.
---@param target cpp.Result|cpp.OperationTarget|string # a result, a location, or a table that names the operation
---@param options? cpp.WaitOptions
---@return cpp.Operation|cpp.Result|nil operation # the operation after it has ended, with its `outcome`
---@return cpp.Error? err
function Client:wait(target, options) end

---As cpp.reconcile, with this client.
---@param target cpp.Error|{ publisher: string, offer: string } # an ambiguous err, or an offer
---@param options? cpp.ClientOptions
---@return cpp.Reconciled? found
---@return cpp.Error? err
function Client:reconcile(target, options) end

---As cpp.cancel_all, with this client.
---@param list cpp.StartOptions[]
---@param options? cpp.CancelAllOptions
---@return cpp.Entry[] entries # in the order of the list
---@return integer failed # the number of entries with an err
function Client:cancel_all(list, options) end

---As cpp.map, with this client.
---@generic T
---@param list T[]
---@param fn fun(item: T, client: cpp.Client): any, any # its result; or nil and an err
---@param options? cpp.MapOptions
---@return cpp.Entry[] entries # in the order of the list
---@return integer failed # the number of entries with an err
function Client:map(list, fn, options) end
