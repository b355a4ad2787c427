#include "router/catalogue.hpp"

#include "core/cancellation.hpp"
#include "router/guarded.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <exception>

namespace modelmesh::router {

namespace asio = boost::asio;

// What one provider said.
class catalogue::listing {
public:
    listing() = default; // Asio's groups need one for an operation that threw
    explicit listing(std::size_t provider) : index(provider) {}

    // Some servers list a model twice; a request shall not try it twice.
    void add(connector::model_info model) {
        const bool is_known =
            std::any_of(models.begin(), models.end(),
                        [&](const connector::model_info& known) { return known.name == model.name; });
        if (!is_known) models.push_back(std::move(model));
    }

    std::size_t index = 0;
    std::vector<connector::model_info> models;
    std::optional<fault> failure;
};

struct catalogue::waiter {
    explicit waiter(const asio::any_io_executor& on) : alarm(on) {}
    asio::steady_timer alarm;            ///< of the waiting caller's loop; cancelled to wake it
    std::optional<result<void>> outcome; ///< guarded by the catalogue's mutex
};

// A waiter's place, given up also when its coroutine is destroyed.
class catalogue::place_in_line {
public:
    place_in_line(std::shared_ptr<catalogue> of, std::shared_ptr<waiter> who)
        : catalogue_(std::move(of)), waiter_(std::move(who)) {}
    ~place_in_line() {
        const std::lock_guard lock(catalogue_->mutex_);
        catalogue_->waiting_.remove(waiter_);
    }
    place_in_line(const place_in_line&) = delete;
    place_in_line& operator=(const place_in_line&) = delete;

private:
    std::shared_ptr<catalogue> catalogue_;
    std::shared_ptr<waiter> waiter_;
};

// The right to ask. Ends with the answers, and also when the asking coroutine is destroyed: then one of those
// who wait asks in its place.
class catalogue::turn {
public:
    explicit turn(std::shared_ptr<catalogue> of) : catalogue_(std::move(of)) {}
    ~turn() { end(std::nullopt); }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;

    /// @param outcome  for those who wait; none when they have to ask themselves.
    void end(std::optional<result<void>> outcome) {
        if (!catalogue_) return;
        const std::shared_ptr<catalogue> of = std::move(catalogue_);
        const std::lock_guard lock(of->mutex_);
        of->asking_ = false;
        for (const std::shared_ptr<waiter>& who : of->waiting_) {
            who->outcome = outcome;
            // Posted under the lock: while the waiter is in line, its coroutine and so its loop exist.
            asio::post(who->alarm.get_executor(), [who] { who->alarm.cancel(); });
        }
        of->waiting_.clear();
    }

private:
    std::shared_ptr<catalogue> catalogue_;
};

catalogue::catalogue(std::vector<provider_plan> providers, std::vector<pool_plan> pools, log_sink* log,
                     std::shared_ptr<budget::book> ledger, std::function<void(const snapshot&)> prepare,
                     model_plans configured)
    : providers_(std::move(providers)), pools_(std::move(pools)), log_(log), ledger_(std::move(ledger)),
      prepare_(std::move(prepare)), configured_(std::move(configured)) {
    for (const provider_plan& plan : providers_) {
        std::vector<connector::model_info>& models = models_.emplace_back();
        for (const std::string& name : plan.models)
            models.push_back({name, plan.entry.codec->capabilities_of(name)});
    }
    snapshot_ = build(models_, nullptr);
    ready_.store(unlisted().empty(), std::memory_order_relaxed); // nobody else sees the object yet
}

std::shared_ptr<const snapshot> catalogue::current() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
}

std::shared_ptr<const snapshot> catalogue::build(
    const std::vector<std::vector<connector::model_info>>& models, const snapshot* previous) const {
    std::vector<std::unique_ptr<provider_entry>> entries;
    for (const provider_plan& plan : providers_)
        entries.push_back(std::make_unique<provider_entry>(plan.entry));
    auto built = build_snapshot(std::move(entries), models, pools_, previous, ledger_.get(), configured_);
    if (prepare_) prepare_(*built);
    return built;
}

std::vector<std::size_t> catalogue::unlisted() const {
    std::vector<std::size_t> indexes;
    for (std::size_t i = 0; i < models_.size(); ++i)
        if (models_[i].empty()) indexes.push_back(i);
    return indexes;
}

std::unique_ptr<catalogue::turn> catalogue::take_turn() {
    if (asking_) return nullptr;
    auto taken = std::make_unique<turn>(shared_from_this());
    asking_ = true;
    return taken;
}

task<result<void>> catalogue::ready(std::shared_ptr<catalogue> self, transport& via, time_point deadline) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    while (!self->is_ready()) {
        const time_point now = via.time().now();
        if (now >= deadline)
            co_return fault(errc::timed_out, "the request's deadline passed before any model was known");
        std::unique_ptr<turn> mine;
        const auto place = std::make_shared<waiter>(executor);
        {
            const std::lock_guard lock(self->mutex_);
            if (self->is_ready()) break;
            mine = self->take_turn();
            if (!mine) self->waiting_.push_back(place);
        }
        if (mine) co_return co_await ask_all(std::move(mine), self, &via, deadline);

        const place_in_line kept(self, place);
        const result<void> waited = co_await wait_in_line(place, deadline - now);
        if (!waited) co_return waited.error();
        const std::lock_guard lock(self->mutex_);
        if (place->outcome) co_return *place->outcome;
    }
    co_return result<void>();
}

task<result<void>> catalogue::wait_in_line(std::shared_ptr<waiter> place, duration limit) {
    place->alarm.expires_after(limit);
    // Whether the alarm rang or was cancelled says nothing: the caller looks at what has changed.
    (void)co_await place->alarm.async_wait(asio::as_tuple(asio::use_awaitable));
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (core::is_canceled(state))
        co_return fault(errc::canceled, "canceled while waiting for the providers' models");
    co_return result<void>();
}

bool catalogue::claim_refresh(time_point now) noexcept {
    time_point due = refresh_at_.load(std::memory_order_relaxed);
    return now >= due && refresh_at_.compare_exchange_strong(due, now + cooldown, std::memory_order_relaxed);
}

task<void> catalogue::refresh(std::shared_ptr<catalogue> self, transport& via) {
    std::unique_ptr<turn> mine;
    {
        const std::lock_guard lock(self->mutex_);
        if (!self->unlisted().empty()) mine = self->take_turn();
    }
    if (!mine) co_return;
    // What it finds is in the snapshot, what it does not find is reported: nobody waits for the outcome.
    (void)co_await ask_all(std::move(mine), self, &via, time_point::max());
}

task<catalogue::listing> catalogue::ask_one(std::shared_ptr<catalogue> self, std::size_t index,
                                            transport* via, time_point limit) {
    // Asked for in a coroutine of its own, which would let only the hardest type of cancellation through.
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    const provider_entry& provider = self->providers_[index].entry;
    listing said(index);
    auto request = std::make_shared<http::request>();
    const connector::target to = provider.target_for({});
    const result<void> encoded = provider.codec->encode_list_models(to, *request);
    if (!encoded) {
        said.failure = encoded.error();
        co_return said;
    }
    result<http::response> answer =
        co_await via->exchange(provider.where, std::move(request), patience(limit));
    if (!answer) {
        said.failure = std::move(answer).error();
    } else if (answer->status != 200) {
        said.failure = provider.codec->classify(*answer, via->time().wall());
    } else {
        result<std::vector<connector::model_info>> listed =
            provider.codec->decode_list_models(std::move(*answer));
        if (!listed)
            said.failure = std::move(listed).error();
        else if (listed->empty())
            said.failure = fault(errc::no_active_model, "the list is empty");
        else
            for (connector::model_info& model : *listed) said.add(std::move(model));
    }
    if (said.failure) provider.redact(said.failure->message);
    co_return said;
}

task<result<void>> catalogue::ask_all(std::unique_ptr<turn> mine, std::shared_ptr<catalogue> self,
                                      transport* via, time_point deadline) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    // Half of the caller's time: when one provider is silent and another has answered, the rest must do for
    // the call itself.
    const time_point started = via->time().now();
    const time_point limit = started + std::min<duration>((deadline - started) / 2, list_limit);
    std::vector<std::size_t> indexes;
    {
        const std::lock_guard lock(self->mutex_);
        indexes = self->unlisted();
    }
    using question = decltype(asio::co_spawn(executor, ask_one(self, 0, via, limit), asio::deferred));
    std::vector<question> questions;
    for (const std::size_t index : indexes)
        questions.push_back(asio::co_spawn(executor, ask_one(self, index, via, limit), asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(questions));
    auto done = co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    auto& [order, thrown, listings] = done;

    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    const bool is_canceled = core::is_canceled(state);
    const fault canceled(errc::canceled, "canceled while asking the providers for their models");
    for (std::size_t i = 0; i < listings.size(); ++i) {
        if (!thrown[i]) continue;
        // Asio throws what was cancelled between two awaits. Anything else is one provider's defect, and
        // takes nothing from the others.
        listings[i] = listing(indexes[i]);
        listings[i].failure = canceled;
        if (is_canceled) continue;
        listings[i].failure = connector_fault(thrown[i]);
        self->providers_[indexes[i]].entry.redact(listings[i].failure->message);
    }
    const time_point now = via->time().now();
    const bool is_curtailed = is_canceled || (limit < started + list_limit && now >= limit);
    result<void> outcome = self->take_in(std::move(listings), is_curtailed, now);
    // What ended only this caller's questions is not the others' answer.
    if (outcome || !is_curtailed)
        mine->end(outcome);
    else
        mine->end(std::nullopt);
    if (is_canceled) co_return canceled;
    co_return outcome;
}

void catalogue::report(const listing& failed) const {
    if (log_ == nullptr || !log_->wants(severity::warning)) return;
    const std::array<log_field, 3> fields{{{"provider", providers_[failed.index].entry.id},
                                           {"kind", to_string(failed.failure->kind())},
                                           {"reason", failed.failure->message}}};
    log_->write(severity::warning, "provider.models_unknown", fields);
}

fault catalogue::no_models(const std::vector<listing>& failed, bool is_curtailed) const {
    const errc first = failed.front().failure->kind();
    const bool alike = std::all_of(failed.begin(), failed.end(),
                                   [first](const listing& said) { return said.failure->kind() == first; });
    std::string text;
    for (const listing& said : failed)
        text += (text.empty() ? "provider '" : "\nprovider '") + providers_[said.index].entry.id +
                "' did not list its models: " + said.failure->message;
    fault f(is_curtailed ? errc::timed_out : alike ? first : errc::no_active_model, std::move(text));
    for (const listing& said : failed) {
        const std::optional<std::chrono::milliseconds>& wait = said.failure->retry_after;
        if (wait) f.retry_after = std::min(f.retry_after.value_or(*wait), *wait);
        f.retryable_hint = f.retryable_hint || retryable(*said.failure);
    }
    if (alike) f.http_status = failed.front().failure->http_status;
    if (failed.size() == 1) {
        f.provider = providers_[failed.front().index].entry.id;
        f.request_id = failed.front().failure->request_id;
    }
    return f;
}

result<void> catalogue::take_in(std::vector<listing> listings, bool is_curtailed, time_point now) {
    std::vector<listing> failed;
    std::vector<std::vector<connector::model_info>> models;
    std::shared_ptr<const snapshot> picture;
    {
        const std::lock_guard lock(mutex_);
        for (listing& said : listings) {
            if (said.failure)
                failed.push_back(std::move(said));
            else
                models_[said.index] = std::move(said.models);
        }
        models = models_;
        picture = snapshot_;
    }
    // Outside of the lock, which every request takes; whoever has the turn is the only one to build.
    if (failed.size() != listings.size()) picture = build(models, picture.get());
    const bool has_models = !picture->models.empty();
    {
        const std::lock_guard lock(mutex_);
        snapshot_ = std::move(picture);
        // Those whom only this caller's end cut short need not wait.
        const time_point again = failed.empty() ? time_point::max() : is_curtailed ? now : now + cooldown;
        refresh_at_.store(again, std::memory_order_relaxed);
        if (has_models) ready_.store(true, std::memory_order_release);
    }
    for (const listing& said : failed)
        if (said.failure->kind() != errc::canceled) report(said);
    if (!has_models) return no_models(failed, is_curtailed);
    return {};
}

} // namespace modelmesh::router
