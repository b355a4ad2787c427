#include "persistence/keeper.hpp"

#include "router/guarded.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace modelmesh::persistence {

namespace asio = boost::asio;

namespace {

using budget::micro_usd;

constexpr int lease_shares = 64; ///< the smallest lease is this share of the longest

// The longest lease of a model: a hundredth of the smallest limit that its calls are held against.
micro_usd longest_lease_of(const budget::line& of) {
    micro_usd longest = keeper::longest_lease;
    for (const std::shared_ptr<budget::account>& each : of.with)
        for (const std::optional<micro_usd>& limit : {each->terms().daily, each->terms().monthly})
            if (limit) longest = std::min(longest, std::max<micro_usd>(*limit / 100, 1));
    return longest;
}

void report(log_sink* log, severity level, std::string_view event, std::string_view key,
            std::string_view message) {
    if (log == nullptr || !log->wants(level)) return;
    const std::array<log_field, 2> fields{{{"key", key}, {"message", message}}};
    log->write(level, event, std::span(fields).subspan(key.empty() ? 1 : 0));
}

} // namespace

// How far ahead of its costs a model's mark is put.
struct keeper::lease {
    micro_usd size = 0; ///< 0: none was taken yet
    micro_usd mark = 0;
    time_point taken{};
    budget::tally_record counted{}; ///< when it was written last

    /// Twice as long when the last one was used up within a second, half as long when it lasted for ten.
    void renew(micro_usd longest, time_point now) {
        using namespace std::chrono_literals;
        const micro_usd shortest = std::max<micro_usd>(longest / lease_shares, 1);
        if (size == 0)
            size = std::max<micro_usd>(longest / 8, 1);
        else if (now - taken < 1s)
            size *= 2;
        else if (now - taken > 10s)
            size /= 2;
        size = std::clamp(size, shortest, longest);
        taken = now;
    }
};

// What one write takes to the storage.
struct keeper::batch {
    struct covered_line {
        std::shared_ptr<budget::tally> counts;
        lease* of;
        lease next;
        micro_usd low; ///< from where on the next mark is asked for
    };
    std::vector<connector::storage_entry> entries;
    std::vector<covered_line> lines;
};

struct keeper::waiter {
    explicit waiter(const asio::any_io_executor& on) : alarm(on) {}
    asio::steady_timer alarm; ///< of the waiting call's loop; cancelled to wake it
};

// A waiter's place, given up also when its coroutine is destroyed.
class keeper::place_in_line {
public:
    place_in_line(keeper& of, std::shared_ptr<waiter> who) : keeper_(of), waiter_(std::move(who)) {
        const std::lock_guard lock(keeper_.mutex_);
        keeper_.waiting_.push_back(waiter_);
    }
    ~place_in_line() {
        const std::lock_guard lock(keeper_.mutex_);
        keeper_.waiting_.remove(waiter_);
    }
    place_in_line(const place_in_line&) = delete;
    place_in_line& operator=(const place_in_line&) = delete;

private:
    keeper& keeper_;
    std::shared_ptr<waiter> waiter_;
};

keeper::keeper(std::shared_ptr<connector::storage> storage, schedule when, const clock& time, log_sink* log)
    : storage_(std::move(storage)), when_(when), time_(time), log_(log),
      to_wall_(std::chrono::duration_cast<std::chrono::milliseconds>(time.wall().time_since_epoch()) -
               std::chrono::duration_cast<std::chrono::milliseconds>(time.now().time_since_epoch())) {}

keeper::~keeper() {
    if (owned_.token != 0) (void)storage_->release(owned_);
}

result<std::shared_ptr<keeper>> keeper::open(std::shared_ptr<connector::storage> storage, schedule when,
                                             const clock& time, log_sink* log) {
    std::shared_ptr<keeper> made(new keeper(std::move(storage), when, time, log));
    result<connector::lock_handle> owned = made->storage_->acquire(owner_key);
    if (!owned) return fault(errc::config, "storage: " + owned.error().message);
    made->owned_ = std::move(*owned);
    if (const result<void> read = made->read_all(); !read)
        return fault(errc::config, "storage: " + read.error().message);
    return made;
}

template <class Entry, class Take>
result<void> keeper::read_each(std::string_view prefix, result<Entry> (*parse)(std::string_view),
                               Take&& take) {
    const result<std::vector<std::string>> keys = storage_->list(prefix);
    if (!keys) return keys.error();
    for (const std::string& key : *keys) {
        result<std::optional<std::string>> text = storage_->load(key);
        if (!text) {
            report(log_, severity::error, "storage.entry_dropped", key, text.error().message);
            continue;
        }
        if (!*text) continue;
        result<Entry> entry = parse(**text);
        if (!entry) {
            report(log_, severity::error, "storage.entry_dropped", key, entry.error().message);
            continue;
        }
        saved_.emplace(key, std::move(**text));
        take(key, std::move(*entry));
    }
    return {};
}

result<void> keeper::read_all() {
    result<void> read = read_each<budget::saved_line>(
        usage_prefix, line_from,
        [this](const std::string&, budget::saved_line&& entry) { lines_.push_back(std::move(entry)); });
    const auto into = [this](std::map<std::string, saved_health>& all) {
        return [this, &all](const std::string& key, saved_health&& entry) {
            // What does not come back by itself has no moment that a clock could move.
            if (!entry.seen.is_manual())
                entry.seen.until = std::max(entry.seen.until - to_wall_, std::chrono::milliseconds(0));
            all.emplace(key, std::move(entry));
        };
    };
    if (read) read = read_each<saved_health>(health_prefix, health_from, into(health_));
    if (read) read = read_each<saved_health>(provider_prefix, health_from, into(providers_));
    if (read)
        read = read_each<saved_cursor>(cursor_prefix, cursor_from,
                                       [this](const std::string& key, saved_cursor&& entry) {
                                           cursors_.emplace(key, std::move(entry));
                                       });
    return read;
}

void keeper::restore(budget::book& into) {
    const std::lock_guard lock(restoring_);
    for (const budget::saved_line& each : lines_) {
        // What begins at its mark takes a new lease when it has spent something, not before.
        lease& known = leases_[usage_key(each.pool, each.model)];
        known.mark = known.counted.total.cost_micro_usd = each.mark;
    }
    into.restore(std::exchange(lines_, {}), shared_from_this(), time_.wall());
}

namespace {
// What failed was another account, when the key or the address is another one by now: whether this one works, nobody
// knows. By hand is by hand.
bool may_hold(const saved_health& of, const router::provider_entry& account) {
    return of.standby == connector::standby_reason::manual || of.account == router::mark_of_account(account);
}
} // namespace

namespace {
// Whether a restart may have ended it. A key that was refused is as wrong as before.
bool may_have_passed(const saved_health& of) noexcept {
    return of.standby == connector::standby_reason::error_threshold && of.why.kind != errc::auth &&
           !of.seen.is_manual();
}

bool has_pool_that_probes(const router::snapshot& in, const router::provider_entry& provider) {
    return std::any_of(in.pools.begin(), in.pools.end(), [&provider](const auto& pool) {
        return pool->probes_on_start &&
               std::any_of(pool->models.begin(), pool->models.end(),
                           [&provider](const auto* model) { return model->provider == &provider; });
    });
}

auto find_model(const router::pool& in, std::string_view id) noexcept {
    return std::find_if(in.models.begin(), in.models.end(),
                        [id](const router::model_entry* each) { return each->id == id; });
}
} // namespace

void keeper::restore(const router::snapshot& into) {
    const std::lock_guard lock(restoring_);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(time_.now().time_since_epoch());
    for (const auto& provider : into.providers) {
        const auto found = providers_.find(provider_key(provider->id));
        if (found == providers_.end() || !may_hold(found->second, *provider)) continue;
        const saved_health& of = found->second;
        state::health_slot::view seen = of.seen;
        if (may_have_passed(of) && has_pool_that_probes(into, *provider))
            seen.until = std::min(seen.until, now);
        provider->slot->health.restore(seen, of.why, of.standby, now);
    }
    for (const auto& pool : into.pools) {
        for (std::size_t i = 0; i < pool->models.size(); ++i) {
            const auto found = health_.find(health_key(pool->name, pool->models[i]->id));
            if (found == health_.end()) continue;
            const saved_health& of = found->second;
            // What is spent is for the ledger to say, by the limits of today.
            const bool is_for_ledger =
                of.standby == connector::standby_reason::budget_exceeded && of.why.kind == errc::budget;
            state::health_slot::view seen = of.seen;
            if (pool->probes_on_start && may_have_passed(of)) seen.until = std::min(seen.until, now);
            if (!is_for_ledger && may_hold(of, *pool->models[i]->provider))
                pool->state->health[i]->restore(seen, of.why, of.standby, now);
        }
        const auto found = cursors_.find(cursor_key(pool->name));
        if (found == cursors_.end()) continue;
        if (const auto model = find_model(*pool, found->second.model); model != pool->models.end())
            pool->state->cursor.store(static_cast<std::uint32_t>(model - pool->models.begin()),
                                      std::memory_order_relaxed);
    }
}

// What did not fit is used up as well: the account is another one by now.
void keeper::forget(const router::snapshot& served) noexcept {
    const std::lock_guard lock(restoring_);
    const auto has_model = [&served](std::string_view pool, std::string_view model) {
        return std::any_of(served.pools.begin(), served.pools.end(), [pool, model](const auto& each) {
            return each->name == pool && find_model(*each, model) != each->models.end();
        });
    };
    std::erase_if(providers_, [&served](const auto& saved) {
        return std::any_of(served.providers.begin(), served.providers.end(),
                           [&saved](const auto& each) { return each->id == saved.second.model; });
    });
    std::erase_if(health_,
                  [&](const auto& saved) { return has_model(saved.second.pool, saved.second.model); });
    std::erase_if(cursors_,
                  [&](const auto& saved) { return has_model(saved.second.pool, saved.second.model); });
}

void keeper::start(std::shared_ptr<const budget::book> ledger, pictures current) {
    ledger_ = std::move(ledger);
    current_ = std::move(current);
    try {
        thread_ = std::thread([this] { run(); });
    } catch (...) {
        let_go();
        throw;
    }
}

void keeper::stop() noexcept {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    work_.notify_one();
    thread_.join();
    let_go();
}

// The ledger's lines know the keeper.
void keeper::let_go() noexcept {
    ledger_.reset();
    current_ = {};
}

void keeper::ask() noexcept {
    if (is_asked_.exchange(true, std::memory_order_acq_rel)) return;
    {
        const std::lock_guard lock(mutex_);
    } // the thread either sees it or waits already
    work_.notify_one();
}

task<void> keeper::next_write(std::shared_ptr<budget::write_ahead> self, time_point until) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto& mine = static_cast<keeper&>(*self);
    const auto me = std::make_shared<waiter>(executor);
    me->alarm.expires_at(until);
    const place_in_line place(mine, me);
    mine.ask();
    // A wake-up is posted to this loop, so that it cannot come before the wait begins.
    (void)co_await me->alarm.async_wait(asio::as_tuple(asio::use_awaitable));
}

task<result<void>> keeper::flush(std::shared_ptr<keeper> self) {
    std::uint64_t mine = 0;
    {
        const std::lock_guard lock(self->mutex_);
        mine = ++self->flushes_wanted_;
    }
    self->work_.notify_one();
    for (;;) {
        {
            const std::lock_guard lock(self->mutex_);
            if (self->flushes_done_ >= mine) {
                if (self->last_failure_) co_return *self->last_failure_;
                co_return result<void>();
            }
        }
        co_await self->next_write(self);
    }
}

void keeper::run() {
    std::unique_lock lock(mutex_);
    while (!is_stopping_) {
        const bool is_pausing = pause_.count() != 0;
        const auto has_work = [this, is_pausing] {
            return is_stopping_ || flushes_wanted_ > flushes_done_ ||
                   (!is_pausing && is_asked_.load(std::memory_order_acquire));
        };
        if (is_pausing)
            work_.wait_for(lock, pause_, has_work);
        else if (when_.interval)
            work_.wait_for(lock, *when_.interval, has_work);
        else
            work_.wait(lock, has_work);
        if (is_stopping_) break;
        const std::uint64_t wanted = flushes_wanted_;
        const bool is_exact = wanted > flushes_done_;
        lock.unlock();
        write(is_exact);
        lock.lock();
        flushes_done_ = wanted;
        wake();
    }
    lock.unlock();
    write(true);
    (void)storage_->release(owned_);
    owned_ = {};
    lock.lock();
    flushes_done_ = flushes_wanted_;
    wake();
}

void keeper::wake() {
    // Posted under the lock: while a waiter is in line, its coroutine and so its loop exist.
    for (const std::shared_ptr<waiter>& who : waiting_)
        asio::post(who->alarm.get_executor(), [who] { who->alarm.cancel(); });
}

void keeper::write(bool is_exact) {
    is_asked_.exchange(false, std::memory_order_acq_rel);
    // A storage of the program's own may throw, and a name that is no UTF-8 cannot be written.
    const result<void> written = router::guarded([&] { return write_changes(is_exact); });
    if (!written) tell_failure(written.error());
}

result<void> keeper::write_changes(bool is_exact) {
    batch next;
    add_lines(next, is_exact);
    add_health(next);
    if (next.entries.empty()) { // what could not be written is as it was before
        take_over(next);
        return {};
    }
    // Until it is known which mark the storage has, the lower one counts.
    for (const batch::covered_line& each : next.lines) {
        const micro_usd lower = std::min(each.counts->mark(), each.next.mark);
        each.counts->cover(lower, std::min(lower, each.low));
    }
    const result<void> saved = storage_->save(next.entries, &owned_);
    if (saved) take_over(next);
    return saved;
}

void keeper::add_lines(batch& to, bool is_exact) {
    const std::chrono::system_clock::time_point wall = time_.wall();
    const time_point now = time_.now();
    for (const std::shared_ptr<const budget::line>& line : ledger_->lines()) {
        if (line->counts->is_empty()) continue;
        budget::saved_line saved;
        saved.pool = line->pool;
        saved.provider = line->provider;
        saved.model = line->model;
        saved.counted = line->counts->record(line->when->at(wall));
        saved.counted.when = line->when->by_zone(saved.counted.when, wall);
        saved.time_zone = line->when->zone().name();
        const micro_usd total = saved.counted.total.cost_micro_usd;
        connector::storage_entry entry{usage_key(line->pool, line->model), {}};
        lease& known = leases_[entry.key];
        lease next = known;
        next.counted = saved.counted;
        micro_usd low = total;
        if (when_.after_every_change) {
            next.mark = total;
            low = -1; // what costs nothing is a change, too
        } else if (is_exact) {
            next.mark = total;
        } else if (total != known.counted.total.cost_micro_usd) {
            next.renew(longest_lease_of(*line), now);
            next.mark = total + next.size;
            low = total + next.size / 2;
        } else {
            low = next.mark - next.size / 2;
        }
        saved.mark = next.mark;
        entry.data = to_text(saved);
        const auto written = saved_.find(entry.key);
        if (written != saved_.end() && written->second == entry.data && line->counts->mark() == next.mark)
            continue;
        to.lines.push_back({line->counts, &known, next, low});
        to.entries.push_back(std::move(entry));
    }
}

void keeper::add_health(batch& to) {
    const auto add = [this, &to](std::string key, std::string data, bool is_plain) {
        const auto written = saved_.find(key);
        const bool is_known = written != saved_.end();
        if (is_known ? written->second != data : !is_plain)
            to.entries.push_back({std::move(key), std::move(data)});
    };
    const auto add_slot = [this, &add](std::string key, const state::health_slot& slot, std::string_view pool,
                                       std::string_view name, const router::provider_entry& provider) {
        saved_health now{std::string(pool),   std::string(name),     slot.load(),
                         slot.last_failure(), slot.standby_reason(), router::mark_of_account(provider)};
        const bool is_plain = now.seen.phase == state::health_slot::phase::active && now.seen.failures == 0;
        if (now.seen.until.count() != 0 && !now.seen.is_manual()) now.seen.until += to_wall_;
        add(std::move(key), to_text(now), is_plain);
    };
    const std::shared_ptr<const router::snapshot> picture = current_();
    for (const auto& provider : picture->providers)
        add_slot(provider_key(provider->id), provider->slot->health, {}, provider->id, *provider);
    for (const auto& pool : picture->pools) {
        for (std::size_t i = 0; i < pool->models.size(); ++i)
            add_slot(health_key(pool->name, pool->models[i]->id), *pool->state->health[i], pool->name,
                     pool->models[i]->id, *pool->models[i]->provider);
        const std::size_t at = pool->state->cursor.load(std::memory_order_relaxed);
        if (pool->models.size() > 1 && at < pool->models.size())
            add(cursor_key(pool->name), to_text(saved_cursor{pool->name, pool->models[at]->id}), at == 0);
    }
}

void keeper::take_over(const batch& done) {
    for (const connector::storage_entry& each : done.entries) saved_.insert_or_assign(each.key, each.data);
    for (const batch::covered_line& each : done.lines) {
        *each.of = each.next;
        each.counts->cover(each.next.mark, each.low);
    }
    pause_ = std::chrono::seconds(0);
    if (is_failing_.exchange(false, std::memory_order_acq_rel))
        report(log_, severity::info, "storage.recovered", {}, "state is saved again");
    const std::lock_guard lock(mutex_);
    last_failure_.reset();
}

void keeper::tell_failure(const fault& f) {
    pause_ = pause_.count() == 0 ? first_pause : std::min(pause_ * 2, longest_pause);
    if (!is_failing_.exchange(true, std::memory_order_acq_rel))
        report(log_, severity::error, "storage.failed", {}, f.message);
    const std::lock_guard lock(mutex_);
    last_failure_ = f;
}

} // namespace modelmesh::persistence
