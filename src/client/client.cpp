#include <modelmesh/client.hpp>

#include "client/client_impl.hpp"
#include "client/detect.hpp"
#include "core/cancellation.hpp"

#include <modelmesh/router/capability.hpp>

#include <boost/asio/detail/concurrency_hint.hpp>
#include <boost/asio/detail/scheduler.hpp>

#include <algorithm>
#include <array>

namespace modelmesh {
namespace detail {
namespace {

// What the connectors of this version offer.
constexpr std::string_view offered = "generation.text-generation.chat-completion";
constexpr auto list_models_limit = std::chrono::seconds(10);

// A vendor's list mixes all its models; these words mark those that do not chat.
bool looks_like_chat(std::string_view model) {
    constexpr std::array<std::string_view, 12> others{"embed",  "whisper",    "tts",      "dall-e",
                                                      "image",  "moderation", "realtime", "audio",
                                                      "rerank", "transcribe", "sora",     "davinci"};
    return std::none_of(others.begin(), others.end(), [model](std::string_view word) {
        return model.find(word) != std::string_view::npos;
    });
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
    return text;
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

client_impl::client_impl(const config& from, const connector::registry& connectors, log_sink* log)
    : log_(log) {
    std::vector<std::string> problems;
    for (const auto& [name, settings] : from.providers) {
        const std::string where = "provider '" + name + "': ";
        const bool twice = std::any_of(providers_.begin(), providers_.end(),
                                       [&name](const provider_plan& plan) { return plan.entry.id == name; });
        if (name.empty() || twice) {
            problems.push_back(where + (name.empty() ? "needs a name" : "is configured twice"));
            continue;
        }
        provider_plan plan;
        plan.entry.id = name;
        plan.entry.api_key = settings.api_key;
        plan.models = settings.models;
        auto codec = connectors.make_provider(settings.connector);
        if (!codec)
            problems.push_back(where + codec.error().message);
        else
            plan.entry.codec = std::move(*codec);
        auto endpoint = make_endpoint(settings);
        if (!endpoint) {
            problems.push_back(where + endpoint.error().message);
        } else {
            plan.entry.where = std::move(endpoint->where);
            plan.entry.base_path = std::move(endpoint->base_path);
        }
        providers_.push_back(std::move(plan));
    }
    if (from.providers.empty()) problems.push_back("no provider configured");

    named<pool_config> pools = from.pools;
    if (pools.empty()) pools.emplace_back("chat-completion", pool_config{"chat-completion"});
    for (const auto& [name, settings] : pools) {
        const std::string where = "pool '" + name + "': ";
        result<std::string> path = capability::canonical(settings.capability);
        if (!path) {
            problems.push_back(where + path.error().message);
            continue;
        }
        if (!capability::within(offered, *path))
            problems.push_back(where + "no configured provider offers '" + *path + "'; they offer '" +
                               std::string(offered) + "'");
        for (const std::string& wanted : settings.providers)
            if (std::none_of(from.providers.begin(), from.providers.end(),
                             [&](const auto& entry) { return entry.first == wanted; }))
                problems.push_back(where + "there is no provider '" + wanted + "'");
        if (settings.failure_threshold == 0)
            problems.push_back(where + "failure_threshold must be at least 1");
        pools_.push_back(router::pool_plan{name, std::move(*path), settings.providers,
                                           settings.failure_threshold,
                                           std::chrono::seconds(settings.cooldown_seconds)});
    }
    if (!problems.empty()) throw error(fault(errc::config, joined(problems)));

    std::vector<std::vector<std::string>> models;
    for (const provider_plan& plan : providers_) models.push_back(plan.models);
    snapshot_ = build(models);
    ready_.store(!lacks_models(), std::memory_order_release);
}

client client_impl::handle(std::shared_ptr<client_impl> impl) {
    client c;
    c.impl_ = impl;
    c.chat.completions.impl_ = std::move(impl);
    return c;
}

bool client_impl::lacks_models() const noexcept {
    return std::any_of(providers_.begin(), providers_.end(),
                       [](const provider_plan& plan) { return plan.models.empty(); });
}

std::shared_ptr<const router::snapshot> client_impl::build(
    const std::vector<std::vector<std::string>>& models) const {
    std::vector<std::unique_ptr<router::provider_entry>> entries;
    for (const provider_plan& plan : providers_)
        entries.push_back(std::make_unique<router::provider_entry>(plan.entry));
    return router::build_snapshot(std::move(entries), models, pools_);
}

std::shared_ptr<const router::snapshot> client_impl::current() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
}

boost::asio::io_context& client_impl::own_loop() {
    const std::lock_guard lock(mutex_);
    if (!thread_) thread_ = std::make_unique<io_thread>();
    return thread_->context();
}

task<result<void>> client_impl::ensure_ready(std::shared_ptr<client_impl> self, net_transport& via) {
    if (self->ready_.load(std::memory_order_acquire)) co_return result<void>();
    std::vector<std::vector<std::string>> models;
    std::vector<std::string> problems;
    bool any = false;
    for (const provider_plan& plan : self->providers_) {
        models.push_back(plan.models);
        if (!plan.models.empty()) {
            any = true;
            continue;
        }
        auto request = std::make_shared<http::request>();
        const connector::target to = plan.entry.target_for({});
        result<void> encoded = plan.entry.codec->encode_list_models(to, *request);
        if (!encoded) co_return encoded.error();
        result<http::response> answer =
            co_await via.exchange(plan.entry.where, std::move(request), via.time().now() + list_models_limit);
        if (!answer && answer.error().code() == errc::canceled) co_return answer.error();
        if (answer && answer->status != 200) answer = plan.entry.codec->classify(*answer);
        result<std::vector<connector::model_info>> listed =
            answer ? plan.entry.codec->decode_list_models(std::move(*answer))
                   : result<std::vector<connector::model_info>>(answer.error());
        if (!listed) {
            problems.push_back("provider '" + plan.entry.id +
                               "' did not list its models: " + listed.error().message);
            continue;
        }
        for (connector::model_info& model : *listed)
            if (looks_like_chat(model.name)) models.back().push_back(std::move(model.name));
        if (models.back().empty())
            problems.push_back("provider '" + plan.entry.id + "' serves no chat model; it listed " +
                               std::to_string(listed->size()) + " models");
        any = any || !models.back().empty();
    }
    if (self->log_ != nullptr && self->log_->wants(severity::warning))
        for (const std::string& problem : problems) {
            const std::array<log_field, 1> fields{{{"reason", problem}}};
            self->log_->write(severity::warning, "provider.models_unknown", fields);
        }
    if (!any) co_return fault(errc::no_active_model, joined(problems));
    std::shared_ptr<const router::snapshot> made = self->build(models);
    const std::lock_guard lock(self->mutex_);
    // Two first calls may race here; whoever is first decides, so that health is kept in one place.
    if (!self->ready_.load(std::memory_order_relaxed)) {
        self->snapshot_ = std::move(made);
        self->ready_.store(true, std::memory_order_release);
    }
    co_return result<void>();
}

std::string client_impl::describe() const {
    const std::shared_ptr<const router::snapshot> picture = current();
    std::string text;
    for (const auto& pool : picture->pools) {
        if (pool->capability.empty()) continue; // the implicit pool of a single model
        text += "pool '" + pool->name + "' (stick-until-failure)\n  capability: " + pool->capability + "\n";
        const std::uint32_t cursor = pool->state->cursor.load(std::memory_order_relaxed);
        for (std::size_t i = 0; i < pool->models.size(); ++i) {
            const bool standby = pool->state->health[i].load().standby;
            text += i == cursor ? "  -> " : "     ";
            text += pool->models[i]->id + (standby ? " (standby)\n" : " (active)\n");
        }
        if (pool->models.empty()) text += "     (no models yet)\n";
    }
    return text;
}

} // namespace detail

namespace {
task<result<void>> make_ready(std::shared_ptr<detail::client_impl> impl) {
    std::function<task<result<void>>(detail::net_transport&)> work = [impl](detail::net_transport& via) {
        return detail::client_impl::ensure_ready(impl, via);
    };
    co_return co_await detail::client_impl::on_loop(impl, std::move(work));
}

task<void> make_ready_or_throw(std::shared_ptr<detail::client_impl> impl) {
    const result<void> ready = co_await core::canceled_as_fault(make_ready(std::move(impl)), "ready");
    if (!ready) throw error(ready.error());
}
} // namespace

const call_options& call_options::none() noexcept {
    static const call_options options;
    return options;
}

task<void> client::ready() { return make_ready_or_throw(impl_); }
task<result<void>> client::try_ready() { return core::canceled_as_fault(make_ready(impl_), "ready"); }
std::string client::describe() const { return impl_->describe(); }

client create(const config& from, const connector::registry& connectors, log_sink* log) {
    return detail::client_impl::handle(std::make_shared<detail::client_impl>(from, connectors, log));
}

client create(const config& from) {
    connector::registry connectors;
    connector::register_builtin(connectors);
    return create(from, connectors);
}

client create(std::string_view capability) {
    const config found = detect(capability);
    if (found.providers.empty()) throw error(detail::no_provider(detail::process_environment()));
    return create(found);
}

} // namespace modelmesh
