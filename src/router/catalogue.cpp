#include "router/catalogue.hpp"

#include "core/cancellation.hpp"
#include "router/attempt_log.hpp"
#include "router/guarded.hpp"
#include "router/key_renewal.hpp"
#include "router/permit.hpp"

#include <modelmesh/connector/with_timeout.hpp>

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

class catalogue::asked_provider final : public connector::discovered_provider {
public:
    asked_provider(const provider_plan& plan, transport& via, time_point limit) noexcept
        : plan_(&plan), via_(&via), limit_(limit) {}

    [[nodiscard]] std::string_view name() const noexcept override { return plan_->entry.id; }
    [[nodiscard]] std::string_view connector() const noexcept override { return plan_->connector; }
    [[nodiscard]] time_point deadline() const noexcept override { return limit_; }
    [[nodiscard]] std::vector<std::string> capabilities_of(std::string_view model) const override {
        return plan_->entry.codec->capabilities_of(model);
    }
    [[nodiscard]] task<result<std::vector<connector::model_info>>> list_models() override {
        return ask(&plan_->entry, via_, limit_);
    }

private:
    static task<result<std::vector<connector::model_info>>> ask(const provider_entry* provider,
                                                                transport* via, time_point limit) {
        auto request = std::make_shared<http::request>();
        const connector::target to = provider->target_for({});
        const result<void> encoded = provider->codec->encode_list_models(to, *request);
        if (!encoded) co_return encoded.error();
        result<http::response> answer =
            co_await via->exchange(provider->where, std::move(request), patience(limit));
        if (!answer) co_return answer.error();
        if (answer->status != 200) co_return provider->codec->classify(*answer, via->time().wall());
        co_return provider->codec->decode_list_models(std::move(*answer));
    }

    const provider_plan* plan_;
    transport* via_;
    time_point limit_;
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

namespace {

// Whether a list of models is as good for the one as for the other.
bool is_same_source(const provider_plan& a, const provider_plan& b) {
    return a.entry.id == b.entry.id && a.connector == b.connector && is_same_account(a.entry, b.entry);
}

// A configuration from before a key was read again says the one that is dead by now.
void keep_renewed_keys(std::vector<provider_plan>& next, const std::vector<provider_plan>& before) {
    for (provider_plan& after : next)
        for (const provider_plan& each : before) {
            if (!after.key_from || each.key_from != after.key_from || each.entry.id != after.entry.id)
                continue;
            after.entry.api_key = each.entry.api_key;
            after.entry.renewal =
                each.entry.renewal; // and with it the requests that wait for the next reading
        }
}

// Limits may be others now. Where they are not, the next call is refused and says so again.
void bring_back_who_had_spent_too_much(const snapshot& in, time_point now) noexcept {
    for (const std::unique_ptr<pool>& each : in.pools)
        for (const std::shared_ptr<state::health_slot>& health : each->state->health)
            if (health->load().phase == state::health_slot::phase::standby &&
                health->standby_reason() == connector::standby_reason::budget_exceeded &&
                health->last_failure().kind == errc::budget)
                health->reactivate(since_epoch(now));
}

std::vector<std::vector<connector::model_info>> configured_models(const std::vector<provider_plan>& of) {
    std::vector<std::vector<connector::model_info>> lists;
    for (const provider_plan& plan : of) {
        std::vector<connector::model_info>& models = lists.emplace_back();
        for (const std::string& name : plan.models) {
            result<std::vector<std::string>> known = guarded([&plan, &name] {
                return result<std::vector<std::string>>(plan.entry.codec->capabilities_of(name));
            });
            if (!known) {
                fault odd = known.error();
                odd.message = "provider '" + plan.entry.id + "': " + odd.message;
                throw error(std::move(odd));
            }
            models.push_back({name, std::move(*known)});
        }
    }
    return lists;
}

} // namespace

catalogue::catalogue(mesh_plan from, log_sink* log, std::shared_ptr<budget::book> ledger,
                     std::shared_ptr<saved_state> saved)
    : log_(log), ledger_(std::move(ledger)), saved_(std::move(saved)),
      plan_(std::make_shared<const mesh_plan>(std::move(from))),
      models_(configured_models(plan_->providers)) {
    const std::shared_ptr<snapshot> picture = build(*plan_, models_, nullptr);
    picture->is_ready = unlisted().empty();
    publish(picture);
}

catalogue::replacement catalogue::replace(mesh_plan next, budget::plan money,
                                          std::chrono::system_clock::time_point wall,
                                          const std::function<void(const replacement&)>& before_it_serves) {
    const std::lock_guard changing(changing_);
    const discovery_plan& was = plan_->discovery; // only who holds changing_ changes the plan
    if (!next.discovery.settings.empty() && next.discovery.settings == was.settings)
        next.discovery.from = was.from;
    const bool lists_as_before = next.discovery.from == was.from && next.discovery.interval == was.interval;
    keep_renewed_keys(next.providers, plan_->providers);
    replacement made;
    made.before = current();
    model_lists lists = configured_models(next.providers);
    {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < next.providers.size(); ++i)
            for (std::size_t j = 0; j < plan_->providers.size(); ++j) {
                const provider_plan& before = plan_->providers[j];
                provider_plan& after = next.providers[i];
                if (!is_same_source(before, after)) continue;
                if (after.entry.where && after.entry.where->is_used_as(*before.entry.where))
                    after.entry.where = before.entry.where;
                after.entry.codec = before.entry.codec;
                if (after.models.empty() && before.models.empty()) lists[i] = models_[j];
            }
    }
    auto kept = std::make_shared<const mesh_plan>(std::move(next));
    const bool is_complete =
        std::none_of(lists.begin(), lists.end(), [](const auto& list) { return list.empty(); });
    // The snapshot is made of the ledger's next lines: when that fails, or what comes before it serves, the ledger is
    // put back.
    std::optional<budget::book::checkpoint> spent;
    if (ledger_) {
        spent.emplace(*ledger_);
        ledger_->apply(std::move(money), wall);
    }
    const std::shared_ptr<snapshot> picture = build(*kept, lists, made.before.get());
    picture->is_ready = is_complete || (made.before->is_ready && !picture->models.empty());
    made.after = picture;
    if (before_it_serves) before_it_serves(made);
    // From here on nothing throws.
    if (spent) spent->give_up();
    const std::lock_guard lock(mutex_);
    plan_ = std::move(kept);
    models_ = std::move(lists);
    publish(picture);
    bring_back_who_had_spent_too_much(*picture, clock::system().now());
    if (!has_discovered())
        sync_at_ = time_point::max();
    else if (!lists_as_before)
        sync_at_ = time_point::min();
    refresh_at_.store(is_complete ? sync_at_ : time_point::min(), std::memory_order_relaxed);
    return made;
}

std::shared_ptr<snapshot> catalogue::build(const mesh_plan& from, const model_lists& models,
                                           const snapshot* previous) const {
    std::vector<std::unique_ptr<provider_entry>> entries;
    for (const provider_plan& each : from.providers)
        entries.push_back(std::make_unique<provider_entry>(each.entry));
    const std::shared_ptr<snapshot> built =
        build_snapshot(std::move(entries), models, from.pools, previous, ledger_.get(), from.models);
    if (saved_) saved_->restore(*built);
    return built;
}

void catalogue::publish(const std::shared_ptr<const snapshot>& picture) {
    published_.store(picture);
    if (saved_) saved_->forget(*picture);
}

std::vector<std::size_t> catalogue::unlisted() const {
    std::vector<std::size_t> indexes;
    for (std::size_t i = 0; i < models_.size(); ++i)
        if (models_[i].empty()) indexes.push_back(i);
    return indexes;
}

bool catalogue::has_discovered() const {
    return std::any_of(plan_->providers.begin(), plan_->providers.end(),
                       [](const provider_plan& each) { return each.models.empty(); });
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
        if (mine) {
            const std::optional<result<void>> outcome =
                co_await ask_all(std::move(mine), self, &via, deadline);
            if (outcome) co_return *outcome;
            continue;
        }
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
        if (!self->unlisted().empty() || via.time().now() >= self->sync_at_) mine = self->take_turn();
    }
    if (!mine) co_return;
    // What it finds is in the snapshot, what it does not find is reported: nobody waits for the outcome.
    (void)co_await ask_all(std::move(mine), self, &via, time_point::max());
}

task<catalogue::listing> catalogue::ask_one(std::shared_ptr<const mesh_plan> of, std::size_t index,
                                            transport* via, time_point limit) {
    // Asked for in a coroutine of its own, which would let only the hardest type of cancellation through.
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    const provider_plan& provider = of->providers[index];
    asked_provider shown(provider, *via, limit);
    result<std::vector<connector::model_info>> listed;
    if (connector::discovery* const from = of->discovery.from.get())
        listed = co_await connector::with_timeout(
            from->models_of(shown), std::max(limit - via->time().now(), duration(1)), "discovery of models");
    else
        listed = co_await shown.list_models();
    listing said(index);
    if (!listed)
        said.failure = std::move(listed).error();
    else if (listed->empty())
        said.failure = fault(errc::no_active_model, "the list is empty");
    else
        for (connector::model_info& model : *listed) said.add(std::move(model));
    if (said.failure) provider.entry.redact(said.failure->message);
    co_return said;
}

task<std::optional<result<void>>> catalogue::ask_all(std::unique_ptr<turn> mine,
                                                     std::shared_ptr<catalogue> self, transport* via,
                                                     time_point deadline) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    // Half of the caller's time: when one provider is silent and another has answered, the rest must do for
    // the call itself.
    const time_point started = via->time().now();
    const time_point limit = started + std::min<duration>((deadline - started) / 2, list_limit);
    std::shared_ptr<const mesh_plan> asked;
    std::vector<std::size_t> indexes;
    bool is_sync = false;
    {
        const std::lock_guard lock(self->mutex_);
        asked = self->plan_;
        is_sync = started >= self->sync_at_;
        for (std::size_t i = 0; i < asked->providers.size(); ++i)
            if (is_sync ? asked->providers[i].models.empty() : self->models_[i].empty()) indexes.push_back(i);
    }
    if (indexes.empty()) co_return std::nullopt;
    using question = decltype(asio::co_spawn(executor, ask_one(asked, 0, via, limit), asio::deferred));
    std::vector<question> questions;
    for (const std::size_t index : indexes)
        questions.push_back(asio::co_spawn(executor, ask_one(asked, index, via, limit), asio::deferred));
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
        asked->providers[indexes[i]].entry.redact(listings[i].failure->message);
    }
    const time_point now = via->time().now();
    // With another key they are asked again: the configuration that they were asked by is outdated then.
    for (const listing& said : listings) {
        const provider_entry& provider = asked->providers[said.index].entry;
        if (is_canceled || !said.failure || !provider.renewal || !is_refused_key(*said.failure)) continue;
        refusal refused{nullptr, &provider, std::nullopt, deadline};
        (void)co_await self->renew(*via, std::move(refused));
    }
    const bool is_curtailed = is_canceled || (limit < started + list_limit && now >= limit);
    const std::optional<result<void>> outcome =
        self->take_in(*asked, std::move(listings), is_curtailed, is_sync, now);
    // What ended only this caller's questions is not the others' answer.
    if (outcome && (*outcome || !is_curtailed))
        mine->end(outcome);
    else
        mine->end(std::nullopt);
    if (is_canceled) co_return result<void>(canceled);
    co_return outcome;
}

task<result<std::shared_ptr<const snapshot>>> catalogue::renew(transport& via, refusal of) {
    return renew_key(shared_from_this(), &via, std::move(of));
}

namespace {
// The provider as it is now, with a key that was not refused.
const provider_entry* renewed(const snapshot& in, const refusal& of) {
    const result<const provider_entry*> found = in.find_provider(of.provider->id);
    return found && (*found)->api_key != of.provider->api_key ? *found : nullptr;
}
} // namespace

task<result<std::shared_ptr<const snapshot>>> catalogue::renew_key(std::shared_ptr<catalogue> self,
                                                                   transport* via, refusal of) {
    std::shared_ptr<const snapshot> picture = self->current();
    if (renewed(*picture, of) != nullptr) co_return std::move(picture);
    const time_point now = via->time().now();
    const time_point until = now + std::min<duration>((of.deadline - now) / 2, key_limit);
    const result<std::optional<std::string>> key =
        co_await key_renewal::read(of.provider->renewal, *via, until);
    if (!key) co_return key.error();
    if (*key && **key != of.provider->api_key) self->replace_key(of, **key);
    picture = self->current();
    if (renewed(*picture, of) == nullptr) picture.reset();
    co_return std::move(picture);
}

void catalogue::replace_key(const refusal& of, const std::string& key) {
    const std::lock_guard changing(changing_);
    auto next = std::make_shared<mesh_plan>(*plan_); // only who holds changing_ changes the plan
    const auto refused =
        std::find_if(next->providers.begin(), next->providers.end(), [&of](const provider_plan& each) {
            return each.entry.id == of.provider->id && each.entry.renewal == of.provider->renewal &&
                   each.entry.api_key == of.provider->api_key;
        });
    if (refused == next->providers.end()) return;
    refused->entry.api_key = key;
    model_lists models;
    {
        const std::lock_guard lock(mutex_);
        models = models_;
    }
    const std::shared_ptr<const snapshot> before = current();
    const std::shared_ptr<snapshot> picture = build(*next, models, before.get());
    picture->is_ready = before->is_ready;
    {
        const std::lock_guard lock(mutex_);
        plan_ = std::move(next);
        publish(picture);
        // It may list its models now.
        if (!unlisted().empty()) refresh_at_.store(time_point::min(), std::memory_order_relaxed);
    }
    report_renewal(log_, of.request, *of.provider);
}

void catalogue::report(const mesh_plan& asked, const listing& failed) const {
    if (log_ == nullptr || !log_->wants(severity::warning)) return;
    const std::array<log_field, 3> fields{{{"provider", asked.providers[failed.index].entry.id},
                                           {"kind", to_string(failed.failure->kind())},
                                           {"reason", failed.failure->message}}};
    log_->write(severity::warning, "provider.models_unknown", fields);
}

void catalogue::report_changes(const std::string& provider, const std::vector<connector::model_info>& before,
                               const std::vector<connector::model_info>& after) const {
    if (log_ == nullptr || !log_->wants(severity::info)) return;
    const auto find = [](const std::vector<connector::model_info>& in, const connector::model_info& model) {
        return std::find_if(in.begin(), in.end(),
                            [&model](const connector::model_info& each) { return each.name == model.name; });
    };
    std::size_t added = 0;
    std::size_t changed = 0;
    for (const connector::model_info& model : after) {
        const auto known = find(before, model);
        added += known == before.end() ? 1 : 0;
        changed += known != before.end() && *known != model ? 1 : 0;
    }
    const std::size_t removed = before.size() + added - after.size();
    const std::string texts[] = {std::to_string(added), std::to_string(removed), std::to_string(changed)};
    const std::array<log_field, 4> fields{{{"provider", provider},
                                           {"models_added", texts[0]},
                                           {"models_removed", texts[1]},
                                           {"models_changed", texts[2]}}};
    log_->write(severity::info, "discovery.models_updated", fields);
}

fault catalogue::no_models(const mesh_plan& asked, const std::vector<listing>& failed, bool is_curtailed) {
    const errc first = failed.front().failure->kind();
    const bool alike = std::all_of(failed.begin(), failed.end(),
                                   [first](const listing& said) { return said.failure->kind() == first; });
    std::string text;
    for (const listing& said : failed)
        text += (text.empty() ? "provider '" : "\nprovider '") + asked.providers[said.index].entry.id +
                "' did not list its models: " + said.failure->message;
    fault f(is_curtailed ? errc::timed_out : alike ? first : errc::no_active_model, std::move(text));
    for (const listing& said : failed) {
        const std::optional<std::chrono::milliseconds>& wait = said.failure->retry_after;
        if (wait) f.retry_after = std::min(f.retry_after.value_or(*wait), *wait);
        f.retryable_hint = f.retryable_hint || retryable(*said.failure);
    }
    if (alike) f.http_status = failed.front().failure->http_status;
    if (failed.size() == 1) {
        f.provider = asked.providers[failed.front().index].entry.id;
        f.request_id = failed.front().failure->request_id;
    }
    return f;
}

std::optional<result<void>> catalogue::take_in(const mesh_plan& asked, std::vector<listing> listings,
                                               bool is_curtailed, bool is_sync, time_point now) {
    const std::lock_guard changing(changing_);
    std::shared_ptr<const mesh_plan> current_plan;
    model_lists models;
    {
        const std::lock_guard lock(mutex_);
        current_plan = plan_;
        models = models_;
    }
    const bool is_outdated = current_plan.get() != &asked;
    std::vector<listing> failed;
    bool is_any_new = false;
    for (listing& said : listings) {
        if (said.failure) {
            failed.push_back(std::move(said));
            continue;
        }
        // What it says is as true in a configuration that came meanwhile, if the provider is still the same there.
        for (std::size_t i = 0; i < models.size(); ++i) {
            const provider_plan& provider = current_plan->providers[i];
            if (!provider.models.empty() || !is_same_source(asked.providers[said.index], provider)) continue;
            if (models[i] == said.models) break;
            if (!models[i].empty()) report_changes(provider.entry.id, models[i], said.models);
            models[i] = std::move(said.models);
            is_any_new = true;
            break;
        }
    }
    std::shared_ptr<const snapshot> picture = current();
    if (is_any_new || !picture->is_ready) {
        const std::shared_ptr<snapshot> next = build(*current_plan, models, picture.get());
        const bool is_complete =
            std::none_of(models.begin(), models.end(), [](const auto& list) { return list.empty(); });
        next->is_ready = picture->is_ready || is_complete || (!is_outdated && !next->models.empty());
        picture = next;
    }
    {
        const std::lock_guard lock(mutex_);
        models_ = std::move(models);
        publish(picture);
        const bool is_complete = unlisted().empty();
        // Those whom only this caller's end cut short need not wait, nor those whom nobody has asked yet.
        const time_point again = is_complete                   ? time_point::max()
                                 : is_curtailed || is_outdated ? now
                                                               : now + cooldown;
        const bool is_first = sync_at_ == time_point::max();
        if (!is_outdated && (is_first || (is_sync && !is_curtailed))) {
            const duration interval = current_plan->discovery.interval;
            sync_at_ = interval == duration::zero() ? time_point::max() : now + interval;
        }
        refresh_at_.store(std::min(again, sync_at_), std::memory_order_relaxed);
    }
    for (const listing& said : failed)
        if (said.failure->kind() != errc::canceled) report(asked, said);
    if (is_outdated) return std::nullopt;
    if (picture->models.empty()) return no_models(asked, failed, is_curtailed);
    return result<void>();
}

} // namespace modelmesh::router
