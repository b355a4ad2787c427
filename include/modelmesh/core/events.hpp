// The events that the library writes to a log_sink, by name: what each is for and which fields it has.
#pragma once

#include <string_view>
#include <vector>

namespace modelmesh {

/// What filters may say in place of single events.
enum class event_group : unsigned char {
    request,      ///< calls and their attempts
    rotation,     ///< another model takes over
    deactivation, ///< a model or a provider goes out of service
    recovery,     ///< and comes back
    health,       ///< of providers, as far as nobody has failed yet
    budget,
    config,
    internal, ///< of the library itself
};

struct event_kind {
    std::string_view name;
    event_group group;
    std::string_view fields; ///< in the order in which they are written; those without a value are left out
    std::string_view about;
};

/// Every event. `request_id` is the same in all events of a call, and in route::request_id of its reply.
inline constexpr event_kind every_event[] = {
    {"request.routed", event_group::request, "request_id pool provider model attempt",
     "a model was chosen for an attempt"},
    {"request.success", event_group::request,
     "request_id operation name delivery pool provider model attempts latency_ms first_content_ms "
     "input_tokens "
     "output_tokens cost_micro_usd",
     "a call, or its stream, has ended well"},
    {"request.failure", event_group::request,
     "request_id operation name delivery pool provider model attempts latency_ms kind status message",
     "a call, or its stream, has failed; kind canceled: nobody wants it any more"},
    {"request.log", event_group::request,
     "request_id operation delivery name model provider status latency_ms correlation_id pool capability "
     "attempts "
     "input_tokens output_tokens cost_micro_usd error request_payload response_payload",
     "what the middleware request_log tells of a call"},
    {"attempt.failed", event_group::request, "request_id model provider attempt kind status",
     "an attempt has failed; another may follow"},
    {"retry.attempted", event_group::request, "request_id pool model provider attempt delay_ms reason",
     "the same model is asked again"},
    {"model.rotated", event_group::rotation, "request_id pool model provider previous reason",
     "after a failure a request goes to another model"},
    {"stream.failover", event_group::rotation,
     "request_id pool mode from_model model provider attempt kind received_bytes",
     "another model goes on with a stream"},
    {"hedge.started", event_group::request, "request_id pool model provider attempt beside_model",
     "a second model is asked beside one that takes unusually long"},
    {"hedge.won", event_group::request, "request_id pool model provider attempt over_model",
     "the second one has answered first"},
    {"rate_limit.switch", event_group::rotation, "request_id pool model provider previous reason",
     "a limit is near, of a provider (threshold) or one of our own (pace): the call goes to another model"},
    {"pool.exhausted", event_group::rotation, "request_id pool attempts reason",
     "nobody is left whom a call could ask"},
    {"model.deactivated", event_group::deactivation,
     "request_id pool model provider reason kind status seconds",
     "a model went out of service; the id is that of the call that found out"},
    {"provider.deactivated", event_group::deactivation, "request_id provider reason kind status seconds",
     "all models of a provider did"},
    {"model.reactivated", event_group::recovery, "request_id pool model provider reason",
     "a model came back"},
    {"provider.recovered", event_group::recovery, "request_id provider reason", "a provider came back"},
    {"key.renewed", event_group::recovery, "request_id provider",
     "a provider has refused its key, which is another one by now where it is written, and goes on with "
     "that"},
    {"key.unreadable", event_group::health, "provider message",
     "a key that was refused could not be read again where it is written"},
    {"provider.models_unknown", event_group::health, "provider kind reason",
     "a provider did not say which models it has"},
    {"discovery.models_updated", event_group::health, "provider models_added models_removed models_changed",
     "a provider has other models than before"},
    {"budget.alert", event_group::budget, "request_id scope name limit_name percent limit spent",
     "a share of a limit is spent"},
    {"budget.exceeded", event_group::budget, "request_id scope name limit_name limit spent wanted",
     "a limit does not have what a call may cost, and its model was not asked"},
    {"config.reloaded", event_group::config, "models_added models_removed models_changed settings_changed",
     "another configuration is in force"},
    {"config.rejected", event_group::config, "reason", "a new configuration is wrong; the old one stays"},
    {"config.watch_failed", event_group::config, "path message",
     "files are not watched any more, or what is called with the outcome has thrown"},
    {"config.warning", event_group::config, "message", "something in a configuration is doubtful"},
    {"secrets.readable_by_others", event_group::config, "path message",
     "a file of secrets is open to others"},
    {"middleware.failed", event_group::internal, "request_id middleware effect message",
     "a hook of the program's has thrown"},
    {"storage.failed", event_group::internal, "message", "state could not be saved; calls go on"},
    {"storage.recovered", event_group::internal, "message", "it is saved again"},
    {"storage.entry_dropped", event_group::internal, "key message",
     "something that was stored could not be read"},
    {"storage.quarantined", event_group::internal, "path moved_to message",
     "a file of stored state is damaged, and put aside"},
    {"events.dropped", event_group::internal, "count", "more events came than sinks could take"},
    {"sink.failed", event_group::internal, "sink message",
     "a sink could not write; told once until it can again"},
};

/// Which events a sink gets.
class event_filter {
public:
    /// Everything.
    event_filter() = default;
    /// @param words  names of events, with a point or an underscore (`request.routed`, `request_routed`), or
    /// of groups
    ///               (`rotation`); empty, or with `all` among them: everything.
    /// @throws std::invalid_argument  a word is neither; the message has those that are like it.
    explicit event_filter(const std::vector<std::string_view>& words);

    /// What words may be: `all`, the groups, and the names of events with a point.
    [[nodiscard]] static std::vector<std::string_view> words();

    [[nodiscard]] bool passes(std::string_view event) const noexcept;

private:
    std::vector<std::string_view> names_; ///< of every_event; empty: everything
};

} // namespace modelmesh
