#include "client/surroundings.hpp"

#include "config/options.hpp"
#include "core/whole_characters.hpp"
#include "middleware/request_log.hpp"
#include "net/proxy.hpp"

#include <modelmesh/core/events.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>

namespace modelmesh::detail {
namespace {

constexpr std::string_view request_log_event = "request.log";
constexpr std::string_view more_of_summary[] = {"pool",          "capability",     "attempts", "input_tokens",
                                                "output_tokens", "cost_micro_usd", "error"};
constexpr std::string_view more_of_full[] = {"request_payload", "response_payload"};

bool has(std::span<const std::string_view> names, std::string_view name) noexcept {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// A sink's share of the log of requests, which is written once for all of them, as fully as one of them wants it.
/// Other events are passed on as they are.
class trimming_sink final : public connector::event_sink {
public:
    /// @param level  nothing: this sink gets nothing of it.
    trimming_sink(std::shared_ptr<event_sink> to, std::optional<log_detail> level, std::uint64_t most)
        : to_(std::move(to)), level_(level), most_(static_cast<std::size_t>(most)) {}

    result<void> write(const connector::event& told) override {
        if (told.name != request_log_event) return to_->write(told);
        if (!level_) return {};
        fields_.clear();
        for (const log_field& each : told.fields) {
            const bool is_payload = has(more_of_full, each.key);
            if ((is_payload && *level_ != log_detail::full) ||
                (*level_ == log_detail::metadata && has(more_of_summary, each.key)))
                continue;
            fields_.push_back(
                {each.key, is_payload ? core::whole_characters(each.value, most_) : each.value});
        }
        connector::event trimmed = told;
        trimmed.fields = fields_;
        return to_->write(trimmed);
    }
    void flush() override { to_->flush(); }

private:
    std::shared_ptr<event_sink> to_;
    std::optional<log_detail> level_;
    std::size_t most_;
    std::vector<log_field> fields_; ///< the hub's thread, reused
};

class builder {
public:
    builder(const config& from, const surroundings& before, const connector::registry& connectors,
            event_outlet& log, std::vector<std::string>& problems)
        : from_(from), before_(before), connectors_(connectors), log_(log), problems_(problems) {}

    surroundings build() && {
        add_secrets();
        add_sinks();
        add_logging();
        for (std::size_t i = 0; i < from_.middleware.size(); ++i) add_middleware(i);
        return std::move(made_);
    }

private:
    const observability_config& told() const noexcept { return from_.observability; }

    void add_secrets() {
        for (const std::string& each : from_.never_shown) made_.secrets.add_secret(each);
        for (const auto& [name, provider] : from_.providers) {
            made_.secrets.add_secret(provider.api_key);
            made_.secrets.add_secret(provider.tls.key_pem);
            add_password_of(provider.proxy);
        }
        for (const std::string& each : told().redact_values) made_.secrets.add_secret(each);
        for (const std::string& each : told().redact_names) made_.secrets.add_name(each);
    }

    // As it is written, and as the proxy is sent it.
    void add_password_of(std::string_view proxy) {
        const std::size_t at = proxy.rfind('@');
        if (at == proxy.npos) return;
        std::string_view password = proxy.substr(0, at);
        if (const std::size_t scheme = password.find("://"); scheme != password.npos)
            password.remove_prefix(scheme + 3);
        password.remove_prefix(std::min(password.find(':'), password.size()));
        if (!password.empty()) made_.secrets.add_secret(std::string(password.substr(1)));
        if (const result<net::proxy> known = net::parse_proxy(proxy))
            made_.secrets.add_secret(known->authorization.substr(known->authorization.find(' ') + 1));
    }

    void add_sinks() {
        // The log of requests goes where `logging` says; what else writes such events, a middleware of the program's,
        // says nothing of where.
        const auto everywhere =
            std::find_if(told().logging.begin(), told().logging.end(),
                         [](const logging_config& each) { return each.connector.empty() && !each.instance; });
        const bool is_everywhere = everywhere != told().logging.end();
        if (is_everywhere && told().sinks.empty() && told().connector.empty())
            problems_.push_back("observability.logging: needs a connector, as there are no sinks");
        const auto add = [&](const std::string& where, std::shared_ptr<connector::event_sink> sink,
                             severity lowest, const event_filter& events) {
            if (!told().logging.empty() && sink)
                sink = is_everywhere ? std::make_shared<trimming_sink>(std::move(sink), everywhere->level,
                                                                       everywhere->max_payload_size)
                                     : std::make_shared<trimming_sink>(std::move(sink), std::nullopt, 0);
            if (sink) made_.sinks.push_back({where, std::move(sink), lowest, events});
        };
        const event_filter usual = filter_of(told().event_filter, "observability.event_filter");
        if (!told().connector.empty())
            add(told().connector, sink_of(told().connector, told().options, nullptr, "observability"),
                told().min_severity, usual);
        for (std::size_t i = 0; i < told().sinks.size(); ++i) {
            const sink_config& each = told().sinks[i];
            const std::string where = "observability.sinks[" + std::to_string(i) + "]";
            add(each.connector.empty() ? where : each.connector,
                sink_of(each.connector, each.options, each.instance, where),
                each.min_severity.value_or(told().min_severity),
                each.events.empty() ? usual : filter_of(each.events, where + ".events"));
        }
    }

    void add_logging() {
        if (told().logging.empty()) return;
        request_log_options most;
        most.max_payload_size = 0;
        unsigned everywhere = 0;
        for (std::size_t i = 0; i < told().logging.size(); ++i) {
            const logging_config& each = told().logging[i];
            const std::string where = "observability.logging[" + std::to_string(i) + "]";
            most.level = std::max(most.level, each.level);
            most.max_payload_size = std::max(most.max_payload_size, each.max_payload_size);
            if (!each.redact_secrets)
                problems_.push_back(
                    where + ".redact_secrets must be true: secrets are taken out of all that is told");
            if (each.connector.empty() && !each.instance) {
                if (++everywhere == 2) problems_.push_back(where + ": is the second one without a connector");
                continue;
            }
            std::shared_ptr<connector::event_sink> sink =
                sink_of(each.connector, each.options, each.instance, where);
            if (!sink) continue;
            made_.sinks.push_back(
                {each.connector.empty() ? where : each.connector,
                 std::make_shared<trimming_sink>(std::move(sink), each.level, each.max_payload_size),
                 severity::debug, event_filter({request_log_event})});
        }
        made_.outermost.push_back(make_request_log(log_, most, [from = &log_] { return from->secrets(); }));
    }

    void add_middleware(std::size_t index) {
        const middleware_config& each = from_.middleware[index];
        const std::string where = "middleware[" + std::to_string(index) + "]";
        if (auto layer = made_from(made_.own_middlewares, before_.own_middlewares, connectors_.middlewares(),
                                   each.connector, each.options, "middleware", where))
            made_.innermost.push_back(std::move(layer));
    }

    event_filter filter_of(const std::vector<std::string>& words, const std::string& where) {
        try {
            return event_filter(std::vector<std::string_view>(words.begin(), words.end()));
        } catch (const std::invalid_argument& unknown) {
            problems_.push_back(where + ": " + unknown.what());
            return {};
        }
    }

    std::shared_ptr<connector::event_sink> sink_of(const std::string& connector, const json::raw& options,
                                                   const std::shared_ptr<connector::event_sink>& instance,
                                                   const std::string& where) {
        if (instance && !connector.empty())
            problems_.push_back(where + ": has a connector and an instance; one of them is enough");
        if (!instance && connector.empty()) problems_.push_back(where + ": needs a connector");
        if (instance || connector.empty()) return instance;
        return made_from(made_.own_sinks, before_.own_sinks, connectors_.sinks(), connector, options, "sink",
                         where);
    }

    template <class T, class Pointer>
    std::shared_ptr<T> made_from(surroundings::made<T>& now, const surroundings::made<T>& before,
                                 const connector::kind_table<T, Pointer>& kinds, const std::string& id,
                                 const json::raw& options, std::string_view what, const std::string& where) {
        std::string key = id + "\n" + options.text;
        // The n-th of several that are the same goes on with the n-th.
        const auto same = [&key](const auto& each) { return each.first == key; };
        auto skip = std::count_if(now.begin(), now.end(), same);
        for (const auto& each : before)
            if (same(each) && skip-- == 0) return now.emplace_back(each).second;
        auto fresh = settings::make_connector(kinds, id, options, what, where, &log_);
        if (!fresh) {
            problems_.push_back(fresh.error().message);
            return nullptr;
        }
        return now.emplace_back(std::move(key), std::shared_ptr<T>(std::move(*fresh))).second;
    }

    const config& from_;
    const surroundings& before_;
    const connector::registry& connectors_;
    event_outlet& log_;
    std::vector<std::string>& problems_;
    surroundings made_;
};

} // namespace

surroundings surroundings_of(const config& from, const surroundings& before,
                             const connector::registry& connectors, event_outlet& log,
                             std::vector<std::string>& problems) {
    return builder(from, before, connectors, log, problems).build();
}

} // namespace modelmesh::detail
