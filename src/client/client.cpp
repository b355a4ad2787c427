#include <modelmesh/client.hpp>

#include "client/budget_plan.hpp"
#include "client/client_impl.hpp"
#include "client/detect.hpp"
#include "client/discovery_settings.hpp"
#include "client/file_watch.hpp"
#include "client/model_settings.hpp"
#include "client/pool_settings.hpp"
#include "client/reload.hpp"
#include "client/storage_settings.hpp"
#include "core/cancellation.hpp"
#include "core/joined.hpp"
#include "router/guarded.hpp"
#include "router/introspection.hpp"

#include <modelmesh/config/load.hpp>
#include <modelmesh/core/or_throw.hpp>
#include <modelmesh/router/capability.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detail/concurrency_hint.hpp>
#include <boost/asio/detail/scheduler.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <exception>

namespace modelmesh {
namespace detail {
namespace {

// Without configured pools there is one for chat, and one for whatever else some model can do.
named<pool_config> default_pools() {
    named<pool_config> pools;
    for (const std::string_view path : served_capabilities) {
        const std::string name(capability::last_segment(path));
        pools.emplace_back(name, pool_config{name});
    }
    return pools;
}

std::string offered() {
    std::string text;
    for (const std::string_view path : served_capabilities)
        text.append(text.empty() ? "'" : ", '").append(path).append("'");
    return text;
}

// A limit is that of a key, however many providers have it.
void check_same_limit(const router::provider_entry& of, const std::vector<router::provider_plan>& others,
                      const std::string& where, std::vector<std::string>& problems) {
    if (!of.lets_through.any() || of.api_key.empty() || !of.where) return;
    for (const router::provider_plan& other : others)
        if (other.entry.lets_through.any() && other.entry.lets_through != of.lets_through &&
            other.entry.where && router::is_same_account(other.entry, of))
            problems.push_back(where + "rate_limit must be that of provider '" + other.entry.id +
                               "', which has the same key, or be left out: they have one between them");
}

// What is being caught: of a configuration that is wrong, or a factory of the program's, which may throw anything.
fault thrown() {
    try {
        throw;
    } catch (const error& wrong) {
        return wrong.info();
    } catch (const std::exception& odd) {
        return fault(errc::internal, odd.what());
    } catch (...) {
        return fault(errc::internal, "unknown exception");
    }
}

} // namespace

boost::asio::io_context* single_threaded_loop(const boost::asio::any_io_executor& executor) {
    const auto* plain = executor.target<boost::asio::io_context::executor_type>();
    if (plain == nullptr) return nullptr;
    boost::asio::io_context& loop = plain->context();
    // The hint is the only promise Asio knows that one thread will run the loop; it keeps it in its
    // scheduler.
    const int hint = boost::asio::use_service<boost::asio::detail::scheduler>(loop).concurrency_hint();
    return hint == 1 ? &loop : nullptr;
}

client_impl::client_impl(const config& from, const connector::registry& connectors, client_options options)
    : connectors_(connectors), log_(options.log), given_(std::move(options.middlewares)),
      refresher_(std::make_shared<refresher>()) {
    const bool has_gap = std::any_of(given_.begin(), given_.end(),
                                     [](const std::shared_ptr<middleware>& each) { return !each; });
    if (has_gap) throw error(fault(errc::config, "a middleware is null"));
    parts made = parts_of(from, {});
    surround(std::move(made.around));
    ledger_ = std::make_shared<budget::book>(std::move(made.money));
    // The one thing that is read here: everything else is asked for when it is needed.
    keeper_ = open_storage(from.storage, connectors, &log_);
    if (keeper_) keeper_->restore(*ledger_);
    catalogue_ = std::make_shared<router::catalogue>(std::move(made.mesh), &log_, ledger_, keeper_);
    settings_ = std::move(made.text);
    if (keeper_) keeper_->start(ledger_, [from_now = catalogue_] { return from_now->current(); });
}

void client_impl::surround(surroundings next) {
    std::vector<std::shared_ptr<middleware>> layers = next.outermost;
    layers.insert(layers.end(), given_.begin(), given_.end());
    layers.insert(layers.end(), next.innermost.begin(), next.innermost.end());
    auto made = std::make_shared<const onion>(std::move(layers), &log_);
    log_.show(std::move(next.sinks), std::move(next.secrets));
    layers_.store(std::move(made));
    around_ = std::move(next);
}

client_impl::parts client_impl::parts_of(const config& from, const surroundings& before) {
    const connector::registry& connectors = connectors_;
    std::vector<std::string> problems;
    router::model_plans models = models_of(from, problems);
    std::vector<router::provider_plan> providers;
    for (const auto& [name, settings] : from.providers) {
        if (!settings.enabled) continue;
        const std::string where = "provider '" + name + "': ";
        const bool twice =
            std::any_of(providers.begin(), providers.end(),
                        [&name](const router::provider_plan& plan) { return plan.entry.id == name; });
        if (name.empty() || twice) {
            problems.push_back(where + (name.empty() ? "needs a name" : "is configured twice"));
            continue;
        }
        router::provider_plan plan;
        plan.entry.id = name;
        plan.entry.api_key = settings.api_key;
        const auto& source = settings.key_source;
        if (source && source->read && source->key == settings.api_key) {
            plan.entry.renewal = keys_->renewal_of(name, source);
            plan.key_from = source;
        }
        plan.entry.timeout = settings.timeout;
        if (settings.timeout && *settings.timeout <= std::chrono::milliseconds(0))
            problems.push_back(where + "timeout must be above 0");
        if (settings.max_retries) plan.entry.max_retries = *settings.max_retries;
        check_retry_codes(settings.retryable_codes, settings.non_retryable_codes, where + "error", problems);
        plan.entry.retryable_codes = settings.retryable_codes;
        plan.entry.non_retryable_codes = settings.non_retryable_codes;
        plan.entry.lets_through = lets_through(settings.rate_limit, where, problems);
        plan.entry.may_be_asked_twice = settings.pipeline_depth > 1;
        plan.connector = settings.connector;
        plan.models = listed_models(from, name, models);
        for (auto model = settings.models.begin(); model != settings.models.end(); ++model) {
            if (model->empty())
                problems.push_back(where + "lists a model without a name");
            else if (std::find(settings.models.begin(), model, *model) != model)
                problems.push_back(where + "lists the model '" + *model + "' twice");
        }
        if (has_control_character(settings.api_key))
            problems.push_back(where + "api_key has a control character, like a line break at its end");
        auto codec = connectors.make_provider(settings.connector);
        if (!codec)
            problems.push_back(where + codec.error().message);
        else
            plan.entry.codec = std::move(*codec);
        provider_config at = settings;
        if (at.base_url.empty() && plan.entry.codec) at.base_url = plan.entry.codec->default_base_url();
        auto endpoint = make_endpoint(at, process_environment());
        if (!endpoint) {
            problems.push_back(where + endpoint.error().message);
        } else {
            plan.entry.where = std::move(endpoint->where);
            plan.entry.base_path = std::move(endpoint->base_path);
        }
        check_same_limit(plan.entry, providers, where, problems);
        providers.push_back(std::move(plan));
    }
    if (providers.empty() && problems.empty())
        problems.push_back(from.providers.empty() ? "no provider configured" : "no provider is enabled");

    budget::plan money = make_budget_plan(from, problems);
    const named<pool_config> pools = from.pools.empty() ? default_pools() : from.pools;
    std::vector<router::pool_plan> plans;
    for (const auto& [name, settings] : pools) {
        const std::string where = "pool '" + name + "': ";
        const bool is_explicit = settings.capability.empty() && !settings.models.empty();
        result<std::string> path = is_explicit ? std::string() : capability::canonical(settings.capability);
        if (!path) {
            problems.push_back(where + path.error().message);
            continue;
        }
        const bool twice = std::any_of(plans.begin(), plans.end(),
                                       [&name](const router::pool_plan& plan) { return plan.name == name; });
        if (name.empty() || twice)
            problems.push_back(where + (name.empty() ? "needs a name" : "is configured twice"));
        if (!is_explicit &&
            std::none_of(std::begin(served_capabilities), std::end(served_capabilities),
                         [&path](std::string_view served) { return capability::within(served, *path); }))
            problems.push_back(where + "no configured provider offers '" + *path + "'; they offer " +
                               offered());
        check_members(settings, from, where, problems);
        const state::trip_rule trips_at = trips_of(settings, where, problems);
        router::rotation_plan rotation = rotation_of(settings, from.providers, connectors, where, problems);
        check_retry(settings, where, problems);
        const bool is_optional = from.pools.empty() && *path != served_capabilities[0];
        router::pool_plan plan;
        plan.name = name;
        plan.capability = std::move(*path);
        plan.providers = settings.providers;
        plan.excluded_providers = settings.excluded_providers;
        plan.models = settings.models;
        plan.trips_at = trips_at;
        plan.is_optional = is_optional;
        plan.rotation = std::move(rotation);
        plan.rotates_on_budget = settings.on_budget_exceeded == budget_action::rotate;
        plan.rules = rules_of(settings, connectors, where, problems);
        if (settings.quota_reset_schedule == quota_schedule::daily_utc && !money.zone.is_utc())
            problems.push_back(where + "quota_reset_schedule: daily_utc does not go with time_zone " +
                               from.time_zone + "; use quota_window: daily for its days");
        plan.windows = windows_of(settings.maintenance_window, {}, where, problems);
        plan.pace = pace_of(settings, where, problems);
        plan.session_key = settings.session_header;
        plan.streaming = streaming_of(settings, where, problems);
        plan.rotates_on_content_filter = settings.rotate_on_content_filter;
        plan.hedging = hedging_of(settings, where, problems);
        plan.probes_on_start = settings.probe_on_start;
        plan.retry = settings.retry;
        plan.error_codes = settings.error_codes;
        plan.provider_actions = provider_rule_of(settings, where, problems);
        plans.push_back(std::move(plan));
    }
    check_storage(from.storage, problems);
    router::discovery_plan discovery = discovery_of(from.discovery, connectors, &log_, problems);
    surroundings around = surroundings_of(from, before, connectors, log_, problems);
    std::string text = text_of(from, problems);
    if (!problems.empty()) throw error(fault(errc::config, core::joined(problems)));
    return {{std::move(providers), std::move(plans), std::move(models), std::move(discovery)},
            std::move(money),
            std::move(around),
            std::move(text)};
}

result<reload_report> client_impl::reload(const config& next) {
    result<reload_report> outcome;
    try {
        const std::lock_guard one_by_one(reloading_);
        parts made = parts_of(next, around_);
        // Sinks know the new keys before somebody is asked with them.
        const auto before_it_serves = [&](const router::catalogue::replacement& by) {
            outcome = difference(settings_, made.text, *by.before, *by.after);
            surround(std::move(made.around));
        };
        catalogue_->replace(std::move(made.mesh), std::move(made.money), clock::system().wall(),
                            before_it_serves);
        settings_ = std::move(made.text);
    } catch (...) {
        outcome = thrown();
    }
    report_reload(&log_, outcome);
    if (outcome && catalogue_->claim_refresh(clock::system().now())) refresh_in_background();
    return outcome;
}

result<reload_report> client_impl::reload_from_files(const std::vector<std::string>& paths) {
    try {
        return reload(load_config(paths, connectors_, &log_));
    } catch (...) {
        const result<reload_report> outcome = thrown();
        report_reload(&log_, outcome);
        return outcome;
    }
}

client client_impl::handle(std::shared_ptr<client_impl> impl) {
    client c;
    c.chat.completions.impl_ = impl;
    c.responses.impl_ = impl;
    c.completions.impl_ = impl;
    c.rerank.impl_ = impl;
    c.search.impl_ = impl;
    c.embeddings.impl_ = impl;
    c.moderations.impl_ = impl;
    c.images.impl_ = impl;
    c.audio.speech.impl_ = impl;
    c.audio.transcriptions.impl_ = impl;
    c.audio.translations.impl_ = impl;
    c.models.impl_ = impl;
    c.files.impl_ = impl;
    c.uploads.impl_ = impl;
    c.uploads.parts.impl_ = impl;
    c.batches.impl_ = impl;
    c.fine_tuning.jobs.impl_ = impl;
    c.fine_tuning.jobs.checkpoints.impl_ = impl;
    c.impl_ = std::move(impl);
    return c;
}

boost::asio::io_context& client_impl::own_loop() {
    const std::lock_guard lock(mutex_);
    if (!thread_) thread_ = std::make_unique<io_thread>();
    return thread_->context();
}

task<result<std::shared_ptr<const router::snapshot>>> client_impl::ensure_ready(
    std::shared_ptr<client_impl> self, net_transport& via, time_point deadline) {
    std::shared_ptr<const router::snapshot> picture = self->current();
    while (!picture->is_ready) {
        const result<void> ready = co_await router::catalogue::ready(self->catalogue_, via, deadline);
        if (!ready) co_return ready.error();
        picture = self->current();
    }
    if (self->catalogue_->claim_refresh(via.time().now())) self->refresh_in_background();
    co_return std::move(picture);
}

// Used on the library's own loop only.
struct client_impl::refresher {
    boost::asio::cancellation_signal stop;
    bool is_running = false;
};

void client_impl::refresh_in_background() {
    boost::asio::io_context* loop = nullptr;
    try {
        loop = &own_loop();
    } catch (const std::exception&) {
        return; // the system gives no thread: no refresh now, and the call that is due goes on without
    }
    // The catalogue and not the client: the client's end is what ends it.
    boost::asio::post(*loop, [loop, catalogue = catalogue_, state = refresher_] {
        const result<net_transport*> via = net_transport::of(*loop);
        if (state->is_running || !via) return; // every call on a loop without an engine says so itself
        state->is_running = true;
        // The only thing it throws is its cancellation.
        boost::asio::co_spawn(
            *loop, router::catalogue::refresh(catalogue, **via),
            boost::asio::bind_cancellation_slot(state->stop.slot(),
                                                [state](std::exception_ptr) { state->is_running = false; }));
    });
}

client_impl::~client_impl() {
    keys_->close();
    // What the thread waits for otherwise is the longest patience with a provider.
    if (thread_)
        boost::asio::post(thread_->context(), [state = refresher_] {
            state->stop.emit(boost::asio::cancellation_type::terminal);
        });
    for (const std::weak_ptr<file_watch>& each : watches_)
        if (std::shared_ptr<file_watch> watch = each.lock())
            boost::asio::post(thread_->context(), [watch = std::move(watch)] { watch->release(); });
    // A stream that was given up settles on that thread, and its bill belongs into the last write.
    thread_.reset();
    if (keeper_) keeper_->stop();
}

} // namespace detail

namespace {
task<result<void>> ask_for_models(std::shared_ptr<detail::client_impl> impl, detail::call_site at) {
    const auto ready = co_await detail::client_impl::ensure_ready(impl, at.via);
    if (!ready) co_return ready.error();
    co_return result<void>();
}

task<result<void>> make_ready(std::shared_ptr<detail::client_impl> impl) {
    function<task<result<void>>(detail::call_site)> work = [impl](detail::call_site at) {
        return ask_for_models(impl, at);
    };
    co_return co_await detail::client_impl::on_loop(impl, std::move(work));
}

task<result<void>> flush_all(std::shared_ptr<detail::client_impl> impl) {
    const std::shared_ptr<persistence::keeper> keeper = impl->keeper();
    if (!keeper) co_return result<void>();
    function<task<result<void>>(detail::call_site)> work = [keeper](detail::call_site) {
        return persistence::keeper::flush(keeper);
    };
    co_return co_await detail::client_impl::on_loop(impl, std::move(work));
}

task<result<void>> warm_up_all(std::shared_ptr<detail::client_impl> impl, std::size_t connections) {
    function<task<result<void>>(detail::call_site)> work = [impl, connections](detail::call_site at) {
        return at.via.warm_up(impl->current(), connections);
    };
    co_return co_await detail::client_impl::on_loop(impl, std::move(work));
}
} // namespace

const call_options& call_options::none() noexcept {
    static const call_options options;
    return options;
}

task<void> client::ready() { return detail::or_throw(try_ready()); }
task<result<void>> client::try_ready() { return core::canceled_as_fault(make_ready(impl_), "ready"); }
task<void> client::warm_up(std::size_t connections) { return detail::or_throw(try_warm_up(connections)); }
task<result<void>> client::try_warm_up(std::size_t connections) {
    return core::canceled_as_fault(warm_up_all(impl_, connections), "warm_up");
}
task<void> client::flush() { return detail::or_throw(try_flush()); }
task<result<void>> client::try_flush() { return core::canceled_as_fault(flush_all(impl_), "flush"); }
std::vector<capability::offer> client::capabilities() const { return impl_->current()->capabilities; }
usage_report client::usage() const {
    usage_report told = impl_->ledger().report(clock::system().wall());
    router::add_service(told, *impl_->current(), clock::system().now());
    return told;
}

reload_report client::reload(const config& to) { return try_reload(to).value(); }
result<reload_report> client::try_reload(const config& to) { return impl_->reload(to); }
reload_report client::reload_from_files(const std::vector<std::string>& paths) {
    return try_reload_from_files(paths).value();
}
result<reload_report> client::try_reload_from_files(const std::vector<std::string>& paths) {
    return impl_->reload_from_files(paths);
}
config_watch client::watch(std::vector<std::string> paths, watch_options options) {
    return detail::client_impl::watch(impl_, std::move(paths), std::move(options));
}

client create(const config& from, client_options options) {
    connector::registry shipped;
    if (options.connectors == nullptr) connector::register_builtin(shipped);
    const connector::registry& connectors = options.connectors == nullptr ? shipped : *options.connectors;
    return detail::client_impl::handle(
        std::make_shared<detail::client_impl>(from, connectors, std::move(options)));
}

client create(const config& from, const connector::registry& connectors, log_sink* log) {
    client_options options;
    options.connectors = &connectors;
    options.log = log;
    return create(from, std::move(options));
}

client create(const config& from) { return create(from, client_options()); }

client create_from_file(const std::string& path, const connector::registry& connectors, log_sink* log) {
    return create(load_config({path}, connectors, log), connectors, log);
}

client create_from_file(const std::string& path) {
    connector::registry connectors;
    connector::register_builtin(connectors);
    return create_from_file(path, connectors);
}

client create(const create_options& options) {
    const config found = detect(options);
    if (found.providers.empty()) throw error(detail::no_provider(detail::process_environment()));
    return create(found);
}

client create(std::string_view capability) {
    const config found = detect(capability);
    if (found.providers.empty()) throw error(detail::no_provider(detail::process_environment()));
    return create(found);
}

} // namespace modelmesh
