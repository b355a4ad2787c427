// The one list of connectors that ship with the library.
#include "discovery/registry_sync.hpp"
#include "providers/openai.hpp"
#include "rotation/policies.hpp"
#include "secret_stores/dotenv.hpp"
#include "secret_stores/environment.hpp"
#include "secret_stores/memory.hpp"
#include "storage/memory.hpp"
#include "storage/sqlite.hpp"

#include <modelmesh/connector/openai_compatible.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/connector/sinks.hpp>
#include <modelmesh/middleware/correlation.hpp>
#include <modelmesh/middleware/limits.hpp>
#include <modelmesh/middleware/redaction.hpp>
#include <modelmesh/middleware/request_log.hpp>
#include <modelmesh/middleware/response_cache.hpp>

#include <stdexcept>

namespace modelmesh::connector {
namespace {

/// Adds a connector whose id is ours to give: a clash with another of ours is a defect.
void add(registry& to, const char* id, registry::factory make) {
    to.add_provider(id, std::move(make)).value();
}

void add_policy(registry& to, const char* id, registry::rotation_factory make) {
    to.add_rotation(id, std::move(make)).value();
}

std::unique_ptr<provider> openai_itself() { return std::make_unique<openai>(); }

/// A server of one's own that speaks OpenAI's chat format without a difference that matters here.
class local_server final : public openai_compatible {
public:
    explicit local_server(const char* base_url) : base_url_(base_url) {}
    [[nodiscard]] std::string_view default_base_url() const noexcept override { return base_url_; }

private:
    const char* base_url_;
};
std::unique_ptr<provider> ollama() { return std::make_unique<local_server>("http://127.0.0.1:11434/v1"); }
std::unique_ptr<provider> vllm() { return std::make_unique<local_server>("http://127.0.0.1:8000/v1"); }

template <class Options>
void add_store(registry& to, const char* id,
               result<std::unique_ptr<secret_store>> (*make)(const Options&, log_sink*)) {
    to.add_secret_store<Options>(id, make).value();
}

template <class Options>
void add_storage(registry& to, const char* id,
                 result<std::unique_ptr<storage>> (*make)(const Options&, log_sink*)) {
    to.add_storage<Options>(id, make).value();
}

template <class Options>
void add_sink(registry& to, const char* id,
              result<std::unique_ptr<event_sink>> (*make)(const Options&, log_sink*)) {
    to.add_sink<Options>(id, make).value();
}

template <class Options, class Make> void add_middleware(registry& to, const char* id, Make make) {
    registry::middleware_table::factory<Options> factory =
        [make](const Options& options, log_sink* log) -> result<std::shared_ptr<middleware>> {
        try {
            return std::shared_ptr<middleware>(make(options, log));
        } catch (const std::invalid_argument& wrong) {
            return fault(errc::config, wrong.what());
        }
    };
    to.add_middleware<Options>(id, std::move(factory)).value();
}

void register_middlewares(registry& to) {
    add_middleware<correlation_options>(to, "modelmesh.correlation.v1",
                                        [](const auto& from, log_sink*) { return make_correlation(from); });
    add_middleware<rate_limit_options>(to, "modelmesh.rate-limit.v1",
                                       [](const auto& from, log_sink*) { return make_rate_limit(from); });
    add_middleware<concurrency_limit_options>(
        to, "modelmesh.concurrency-limit.v1",
        [](const auto& from, log_sink*) { return make_concurrency_limit(from); });
    add_middleware<redaction_options>(to, "modelmesh.redaction.v1",
                                      [](const auto& from, log_sink*) { return make_redaction(from); });
    add_middleware<response_cache_options>(
        to, "modelmesh.response-cache.v1",
        [](const auto& from, log_sink*) { return response_cache::make(from); });
    add_middleware<request_log_options>(to, "modelmesh.request-log.v1", [](const auto& from, log_sink* log) {
        if (log == nullptr) throw std::invalid_argument("a log of requests needs a log to write to");
        return make_request_log(*log, from);
    });
}

} // namespace

void register_builtin(registry& to) {
    add(to, "openai.llm.v1", openai_itself);
    add(to, "ollama.local.v1", ollama);
    add(to, "vllm.local.v1", vllm);
    add_store(to, "modelmesh.env.v1", environment_secrets::make);
    add_store(to, "modelmesh.dotenv.v1", dotenv_secrets::make);
    add_store(to, "modelmesh.memory-secrets.v1", memory_secrets::make);
    add_storage(to, "modelmesh.memory.v1", memory_storage::make);
    add_storage(to, "modelmesh.sqlite.v1", sqlite_storage::make);
    to.add_discovery<registry_sync_options>("modelmesh.registry-sync.v1", registry_sync::make).value();

    add_sink(to, "modelmesh.null.v1", make_null_sink);
    add_sink(to, "modelmesh.console.v1", make_console_sink);
    add_sink(to, "modelmesh.json-log.v1", make_json_log_sink);
    register_middlewares(to);

    add_policy(to, "modelmesh.stick-until-failure.v1", make_stick_until_failure);
    add_policy(to, "modelmesh.priority-selection.v1", make_priority_selection);
    add_policy(to, "modelmesh.round-robin.v1", make_round_robin);
    add_policy(to, "modelmesh.cost-first.v1", make_cost_first);
    add_policy(to, "modelmesh.latency-first.v1", make_latency_first);
    add_policy(to, "modelmesh.session-stickiness.v1", make_session_stickiness);
    add_policy(to, "modelmesh.rate-limit-aware.v1", make_rate_limit_aware);
    add_policy(to, "modelmesh.load-balanced.v1", make_load_balanced);
    add_policy(to, "modelmesh.least-loaded.v1", make_least_loaded);
    add_policy(to, "modelmesh.weighted.v1", make_weighted);
    add_policy(to, "modelmesh.score.v1", make_score);
    to.add_deactivation("modelmesh.thresholds.v1", make_thresholds).value();
    to.add_recovery("modelmesh.scheduled.v1", make_scheduled).value();
}

} // namespace modelmesh::connector
