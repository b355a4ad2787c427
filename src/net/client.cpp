#include "net/client.hpp"

#include "core/cancellation.hpp"
#include "core/time_limit.hpp"
#include "net/engine.hpp"
#include "net/socket_stream.hpp"
#include "net/upload.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace modelmesh::net {
namespace asio = boost::asio;
namespace {

// A body is announced by the server, so its length is not believed further than this before bytes arrive.
constexpr std::size_t reserve_limit = 1024 * 1024;
constexpr std::size_t kept_answers = 64;
// A body above this may outlast the patience for the head of an answer, and is worth refusing half-way. Any socket
// takes one below it.
constexpr std::size_t large_body = 64 * 1024;
// A server that had given up a connection says so within a round trip. One that is lost later may be lost
// over the request.
constexpr std::chrono::seconds stale_limit(5);

// "host:port: waiting for the answer: ..."; what the transport reports names its peer already, and what it
// did when that is to connect.
fault located(const endpoint& to, std::string_view doing, const fault& why) {
    if (why.message.starts_with("connect to " + to.name())) return fault(why.kind(), why.message);
    std::string text;
    if (why.message.find(to.name()) == std::string::npos) text.append(to.name()).append(": ");
    text.append(doing).append(": ").append(why.message);
    fault placed(why.kind(), std::move(text));
    placed.is_local = why.is_local;
    return placed;
}

fault canceled_at(const endpoint& to) { return fault(errc::canceled, to.name() + ": canceled"); }

} // namespace

struct client::state {
    struct pool_entry {
        std::shared_ptr<const endpoint> to; ///< a copy, so that it keeps none of those that are used alive
        std::vector<std::weak_ptr<const endpoint>> users;
        std::shared_ptr<connection_pool> pool;
        std::shared_ptr<const endpoint> instead; ///< the same without HTTP/2, once the server has refused it
    };

    state(engine& e, pool_limits l, const clock& c, dialer d)
        : io(e), limits(l), time(c), dial(std::move(d)) {}
    pool_entry& entry_of(const std::shared_ptr<const endpoint>& to);
    [[nodiscard]] pool_limits limits_for(const endpoint& to) const noexcept;
    /// Forgets those whose endpoints have all ended. What is still in use is closed with its exchange.
    void drop_unused();
    /// The connections for an endpoint. @param to  becomes the endpoint that is used in its place.
    std::shared_ptr<connection_pool> pool_of(std::shared_ptr<const endpoint>& to);
    /// From now on requests for this endpoint go over HTTP/1.1.
    void avoid_http2(const std::shared_ptr<const endpoint>& to);
    /// Makes the stream a connection of the version of HTTP that the server chose. Errors: the server ends it
    /// already.
    result<void> attach(const std::shared_ptr<const endpoint>& to, std::unique_ptr<stream> made,
                        connection_pool::lease& into);
    /// The state of an answer that has been read, or a new one.
    [[nodiscard]] response_stream::handle make_answer();

    engine& io;
    pool_limits limits;
    const clock& time;
    dialer dial;
    std::unordered_map<std::string, std::vector<pool_entry>> pools;
    std::uint64_t seen_ended = 0; ///< endpoint::ended() when they were looked through
    std::vector<std::unique_ptr<response_stream::state>> spare; ///< answers whose memory serves again
    std::string user_agent = "modelmesh/" MODELMESH_VERSION;
};

struct response_stream::state {
    std::shared_ptr<client::state> home;
    std::shared_ptr<const endpoint> to;
    connection_pool::lease lease;
    time_point deadline{};
    duration gap{};
    int status = 0;
    http::headers headers;
    http::headers trailers;
    std::optional<std::uint64_t> content_length;
    std::optional<fault> failure;
    bool is_over = false;

    [[nodiscard]] time_point now() const { return home->time.now(); }
    /// There is nothing to wait for.
    [[nodiscard]] bool is_settled() const noexcept { return failure.has_value() || is_over; }
    [[nodiscard]] wait_operation wait() {
        return lease.connection()->wait(std::min(core::after(now(), gap), deadline));
    }
    fault fail(const fault& why) {
        failure = located(*to, "reading the body", why);
        if (why.kind() == errc::canceled)
            lease.connection()->abandon();
        else
            lease.connection()->close();
        lease.give_back();
        return *failure;
    }
    fault fail_late() { return fail(fault(errc::timed_out, "the deadline passed")); }
    fault fail(wait_outcome why) { return fail(wait_fault("receive from", to->name(), why)); }
};

void response_stream::recycle::operator()(state* used) const noexcept {
    std::unique_ptr<state> mine(used);
    mine->lease.give_back();
    const std::shared_ptr<client::state> home = std::move(mine->home);
    if (!home || home->spare.size() >= kept_answers) return;
    mine->to.reset();
    mine->headers.clear();
    mine->trailers.clear();
    mine->failure.reset();
    mine->is_over = false;
    home->spare.push_back(std::move(mine)); // within the capacity that make_answer() has reserved
}

response_stream::handle client::state::make_answer() {
    if (spare.empty()) {
        spare.reserve(kept_answers);
        return response_stream::handle(new response_stream::state());
    }
    response_stream::handle reused(spare.back().release());
    spare.pop_back();
    return reused;
}

response_stream::response_stream(handle s) noexcept : state_(std::move(s)) {}
response_stream::response_stream(response_stream&&) noexcept = default;
response_stream& response_stream::operator=(response_stream&&) noexcept = default;
response_stream::~response_stream() = default;

int response_stream::status() const noexcept { return state_->status; }
const http::headers& response_stream::headers() const noexcept { return state_->headers; }
const http::headers& response_stream::trailers() const noexcept { return state_->trailers; }
std::optional<std::uint64_t> response_stream::content_length() const noexcept {
    return state_->content_length;
}
http::headers response_stream::take_headers() noexcept { return std::move(state_->headers); }

result<read_status> response_stream::try_read(std::string_view& slice) {
    state& s = *state_;
    if (s.failure) return *s.failure;
    if (s.is_over) return read_status::end;
    const result<read_status> got = s.lease.connection()->try_read(slice);
    if (!got) return s.fail(got.error());
    if (*got == read_status::end) {
        s.is_over = true;
        s.lease.connection()->swap_trailers(s.trailers);
        s.lease.give_back();
    } else if (*got == read_status::slice && s.now() >= s.deadline) {
        return s.fail_late(); // a server that never pauses is never waited for
    }
    return got;
}

void response_stream::done() noexcept {
    state& s = *state_;
    if (s.failure || s.is_over) return;
    s.is_over = true;
    s.lease.give_back_unfinished();
}

task<result<void>> response_stream::wait() {
    state& s = *state_;
    wait_outcome outcome = wait_outcome::canceled;
    const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
    if (s.is_settled()) co_return result<void>();
    if (!core::is_canceled(stop)) outcome = co_await s.wait();
    if (outcome != wait_outcome::ready && !s.is_settled()) co_return s.fail(outcome);
    co_return result<void>();
}

task<result<std::optional<std::string_view>>> response_stream::read() {
    state& s = *state_;
    for (;;) {
        std::string_view slice;
        const result<read_status> got = try_read(slice);
        if (!got) co_return got.error();
        if (*got == read_status::slice) co_return std::optional<std::string_view>(slice);
        if (*got == read_status::end) co_return std::optional<std::string_view>();
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        wait_outcome outcome = wait_outcome::canceled;
        if (!core::is_canceled(stop)) outcome = co_await s.wait();
        if (outcome != wait_outcome::ready && !s.is_settled()) co_return s.fail(outcome);
    }
}

pool_limits client::state::limits_for(const endpoint& to) const noexcept {
    pool_limits its = limits;
    its.connections = to.rules().connections.value_or(its.connections);
    its.queue_time = to.rules().queue_time.value_or(its.queue_time);
    its.idle_time = to.rules().idle_time.value_or(its.idle_time);
    return its;
}

client::state::pool_entry& client::state::entry_of(const std::shared_ptr<const endpoint>& to) {
    std::vector<pool_entry>& same_origin = pools[to->name()];
    for (pool_entry& entry : same_origin) {
        const bool is_known = std::any_of(entry.users.begin(), entry.users.end(), [&to](const auto& user) {
            return !user.owner_before(to) && !to.owner_before(user);
        });
        if (is_known) return entry;
        if (!entry.to->shares_connections_with(*to)) continue;
        std::erase_if(entry.users, [](const auto& user) { return user.expired(); });
        entry.users.push_back(to);
        return entry;
    }
    const bool may_share =
        to->http2() == http2_use::prior_knowledge || (to->http2() == http2_use::automatic && to->where().tls);
    same_origin.push_back(pool_entry{
        std::make_shared<const endpoint>(*to),
        {to},
        std::make_shared<connection_pool>(io, limits_for(*to), time, may_share, to->rules().pipeline_depth),
        nullptr});
    return same_origin.back();
}

std::shared_ptr<connection_pool> client::state::pool_of(std::shared_ptr<const endpoint>& to) {
    std::shared_ptr<connection_pool> found;
    if (const pool_entry& entry = entry_of(to); entry.instead) {
        to = entry.instead;
        found = entry_of(to).pool;
    } else {
        found = entry.pool;
    }
    if (seen_ended != endpoint::ended()) drop_unused();
    return found;
}

void client::state::drop_unused() {
    seen_ended = endpoint::ended();
    const auto is_unused = [](const pool_entry& entry) {
        return std::all_of(entry.users.begin(), entry.users.end(),
                           [](const auto& user) { return user.expired(); });
    };
    for (auto& [name, entries] : pools) std::erase_if(entries, is_unused);
    std::erase_if(pools, [](const auto& of_origin) { return of_origin.second.empty(); });
}

void client::state::avoid_http2(const std::shared_ptr<const endpoint>& to) {
    pool_entry& entry = entry_of(to);
    if (entry.instead || to->http2() == http2_use::off) return;
    entry.instead =
        std::make_shared<const endpoint>(to->where(), to->tls(), http2_use::off, to->via(), to->rules());
    entry.pool->clear_idle(); // nobody will ask for them
}

result<void> client::state::attach(const std::shared_ptr<const endpoint>& to, std::unique_ptr<stream> made,
                                   connection_pool::lease& into) {
    if (to->http2() != http2_use::prior_knowledge && made->alpn() != "h2") {
        // They would be taken for the answer to the first request.
        if (to->via() && !to->where().tls && !made->unpark())
            return fault(errc::protocol, "the proxy " + to_string(to->via()->where) +
                                             " sent bytes before a request, or has closed the tunnel");
        into.attach(std::make_unique<http1_connection>(std::move(made)));
        return {};
    }
    const auto fresh = std::make_shared<http2_connection>(io, std::move(made), to->name(),
                                                          to->where().tls ? "https" : "http", limits.http2);
    // A server that is about to stop accepts connections only to end them.
    if (const result<void> usable = fresh->look(); !usable) {
        if (fresh->needs_http1()) avoid_http2(to);
        return usable.error();
    }
    into.attach(fresh);
    return {};
}

client::client(engine& io, pool_limits limits, const clock& time)
    : client(io, limits, time, [&io](std::shared_ptr<const endpoint> to, time_point deadline) {
          return connect(io, to->where(), to->tls(), deadline, to->via());
      }) {}

client::client(engine& io, pool_limits limits, const clock& time, dialer dial)
    : state_(std::make_shared<state>(io, limits, time, std::move(dial))) {}

client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;

client::~client() {
    if (!state_) return;
    for (auto& [name, entries] : state_->pools)
        for (state::pool_entry& entry : entries) entry.pool->clear_idle();
}

pool_counters client::counters() const noexcept {
    pool_counters sum;
    for (const auto& [name, entries] : state_->pools)
        for (const state::pool_entry& entry : entries) sum += entry.pool->counters();
    return sum;
}

/// One exchange up to the head of its answer, without its suspensions. What outlasts them is here, so the
/// coroutine that runs it has a frame below the 1020 bytes that Asio keeps for the next one.
class client::call {
public:
    enum class next : std::uint8_t {
        acquire, ///< a connection, from the pool: prepare()
        dial,    ///< a new one: prepare()
        upload,  ///< the body, from its source or what is left of it: prepare()
        wait,    ///< await wait(), then tell woken()
        over,    ///< take() the outcome
    };

    call(std::shared_ptr<state> home, std::shared_ptr<const endpoint> to,
         std::shared_ptr<const http::request> request, const exchange_limits& limits, reading how)
        : home_(std::move(home)), to_(std::move(to)), what_(std::move(request), defaults()), limits_(limits),
          is_pipelined_(how == reading::whole && to_->rules().pipeline_depth > 1 &&
                        what_.request->is_replayable && !is_large()) {}

    [[nodiscard]] next begin() {
        if (const result<void> fit = proto::check_request(*what_.request); !fit)
            return fail("writing the request", fit.error());
        if (home_->time.now() >= limits_.deadline)
            return fail("starting", fault(errc::timed_out, "the deadline has passed"));
        return connect();
    }

    /// Does what acquire, dial or upload ask for. @param work  outlives the task.
    static task<next> prepare(call* work, next what) {
        try {
            if (what == next::acquire) {
                result<connection_pool::lease> given = co_await connection_pool::acquire(
                    work->pool_, work->limits_.deadline, work->may_pipeline());
                co_return work->acquired(std::move(given));
            }
            if (what == next::upload) {
                upload_outcome done =
                    co_await net::upload(work->lease_.connection(), work->what_.request->source,
                                         work->limits_.deadline, work->limits_.gap, work->home_->time);
                co_return work->uploaded(std::move(done));
            }
            work->until_ =
                std::min(core::after(work->home_->time.now(), work->limits_.connect), work->limits_.deadline);
            result<std::unique_ptr<stream>> made = co_await work->home_->dial(work->to_, work->until_);
            co_return work->dialed(std::move(made));
        } catch (const boost::system::system_error& e) {
            if (!core::is_cancellation(e)) throw;
        }
        co_return work->canceled(doing(what));
    }

    [[nodiscard]] static std::string_view doing(next what) noexcept {
        return what == next::upload ? "sending the request" : "getting a connection";
    }

    [[nodiscard]] wait_operation wait() {
        carrier& connection = *lease_.connection();
        return is_sent_ ? connection.wait(until_) : connection.wait_sent(until_);
    }
    [[nodiscard]] next woken(wait_outcome outcome) {
        // Whoever closes a connection that is shared ends the waits of those who send on it.
        const bool is_closed =
            outcome == wait_outcome::canceled && !is_sent_ && lease_.connection()->is_unprocessed();
        if (outcome != wait_outcome::ready && !is_closed)
            return lost(wait_fault(is_sent_ ? "receive from" : "send to", to_->name(), outcome));
        return is_sent_ ? read_head() : sent(lease_.connection()->try_send_rest());
    }
    [[nodiscard]] next canceled(std::string_view doing) {
        return fail(doing, fault(errc::canceled, "canceled"));
    }
    [[nodiscard]] result<response_stream> take() {
        if (failure_) return *std::move(failure_);
        return response_stream(std::move(answer_));
    }

private:
    [[nodiscard]] next acquired(result<connection_pool::lease> given) {
        if (!given) return fail("getting a connection", given.error());
        return use(std::move(*given));
    }

    [[nodiscard]] next dialed(result<std::unique_ptr<stream>> made) {
        if (!made) return not_connected(made.error());
        const result<void> attached = home_->attach(to_, std::move(*made), lease_);
        if (attached) return send();
        if (home_->pool_of(to_) == pool_) return not_connected(attached.error());
        lease_.give_back(); // the server wants HTTP/1.1
        return connect();
    }

    next not_connected(const fault& why) {
        const next over = fail("connecting", why);
        if (why.kind() != errc::canceled && until_ < limits_.deadline) lease_.refuse(*failure_);
        return over;
    }

    [[nodiscard]] proto::request_defaults defaults() const {
        proto::request_defaults made;
        made.host = to_->host();
        made.user_agent = home_->user_agent;
        return made;
    }

    // What is sent again has waited behind others once.
    [[nodiscard]] bool may_pipeline() const noexcept { return is_pipelined_ && !is_repeated_; }

    next connect() {
        pool_ = home_->pool_of(to_);
        what_.defaults = defaults(); // of the endpoint that it is now
        std::optional<connection_pool::lease> free = pool_->try_acquire(may_pipeline());
        return free ? use(std::move(*free)) : next::acquire;
    }

    next use(connection_pool::lease given) {
        lease_ = std::move(given);
        return lease_.connection() != nullptr ? send() : next::dial;
    }

    next send() {
        // Getting here may have taken all the time there was, and what is sent may be billed.
        if (home_->time.now() >= limits_.deadline)
            return fail("getting a connection", fault(errc::timed_out, "timed out"));
        is_sent_ = false;
        refusal_.reset();
        sent_at_ = home_->time.now();
        until_ = is_large() ? limits_.deadline
                            : std::min(core::after(sent_at_, limits_.first_byte), limits_.deadline);
        const result<bool> all = lease_.connection()->try_send(what_);
        return what_.request->source && all ? next::upload : sent(all);
    }

    /// Whether sending the body may take its time, and the server may refuse it meanwhile.
    [[nodiscard]] bool is_large() const noexcept {
        return what_.request->source || what_.request->body.size() > large_body;
    }

    next uploaded(upload_outcome upload) {
        using end = upload_outcome::end;
        carrier& connection = *lease_.connection();
        if (upload.how == end::lost) return lost(std::move(upload.why));
        if (upload.how == end::unread) {
            connection.close();
            return fail("reading the body of the request", upload.why);
        }
        if (!upload.has_head) {
            if (upload.how == end::sent) return sent(true);
            // To be sent again it has to be read again.
            if (connection.is_unprocessed()) return lost(std::move(upload.why));
            return sent(std::move(upload.why));
        }
        if (upload.how != end::sent) connection.end_after_this();
        return answered();
    }

    next sent(const result<bool>& all) {
        // An answer ends the wait of who shares a connection.
        if (all && !*all) return is_large() && !lease_.is_shared() ? next::upload : next::wait;
        if (!all) {
            if (lease_.connection()->is_unprocessed()) {
                if (lease_.connection()->has_begun()) return lost(all.error());
                // The connection ended before anything went out: this was no attempt.
                lease_.give_back();
                return next::acquire;
            }
            // A server that refuses an upload answers and closes without reading the rest: the answer is in
            // the socket, and says more than the write that failed. The socket is dead, so nothing waits
            // long.
            if (all.error().kind() != errc::connect) return lost(all.error());
            refusal_ = std::make_unique<fault>(all.error());
            lease_.connection()->end_after_this();
        }
        is_sent_ = true;
        const time_point now = home_->time.now();
        if (all) sent_at_ = now; // a failure may come long after what it lost
        until_ = std::min(core::after(now, limits_.first_byte), limits_.deadline);
        return read_head();
    }

    next read_head() {
        carrier& connection = *lease_.connection();
        const result<bool> is_there = connection.try_read_head();
        if (!is_there) return lost(is_there.error());
        return *is_there ? answered() : next::wait;
    }

    next answered() {
        carrier& connection = *lease_.connection();
        answer_ = home_->make_answer();
        response_stream::state& s = *answer_;
        s.deadline = limits_.deadline;
        s.gap = limits_.gap;
        s.status = connection.status();
        s.content_length = connection.body_length();
        connection.swap_headers(s.headers);
        s.lease = std::move(lease_);
        s.to = std::move(to_);
        s.home = std::move(home_);
        return next::over;
    }

    // The exchange came to nothing on this connection.
    next lost(fault why) {
        carrier& connection = *lease_.connection();
        if (refusal_ && why.kind() != errc::canceled) why = *refusal_; // no answer came after all
        const errc kind = why.kind();
        const bool is_over = kind == errc::timed_out || kind == errc::canceled || kind == errc::config;
        const bool is_streamed = what_.request->source != nullptr;
        const bool is_prompt = home_->time.now() - sent_at_ < stale_limit;
        const bool is_stale =
            lease_.is_reused() && !connection.has_answer() && is_prompt && !what_.request->is_sent_once;
        if (connection.needs_http1()) home_->avoid_http2(to_);
        // Once only: a server may refuse or die again and again, and who decides then is the router.
        if (is_over || is_repeated_ || (!connection.is_unprocessed() && !is_stale) ||
            (is_streamed && !what_.request->source->rewind())) {
            if (kind == errc::canceled)
                connection.abandon();
            else
                connection.close();
            return fail(is_sent_ && !refusal_ ? "waiting for the answer" : "sending the request", why);
        }
        is_repeated_ = true;
        if (!is_stale) {
            lease_.give_back();
            return connect();
        }
        lease_.drop_stale();
        if (!lease_) return connect();
        return next::dial;
    }

    next fail(std::string_view doing, const fault& why) {
        failure_ = std::make_unique<fault>(located(*to_, doing, why));
        return next::over;
    }

    std::shared_ptr<state> home_;
    std::shared_ptr<const endpoint> to_;
    outgoing what_;
    exchange_limits limits_;
    std::shared_ptr<connection_pool> pool_;
    connection_pool::lease lease_;
    time_point until_{};             // of the phase
    time_point sent_at_{};           // when the request was out, or sending it began
    std::unique_ptr<fault> refusal_; // why the request could not be sent whole
    std::unique_ptr<fault> failure_; // a fault is large, and rare
    response_stream::handle answer_;
    bool is_sent_ = false;
    bool is_repeated_ = false;
    bool is_pipelined_;
};

task<result<response_stream>> client::start(std::shared_ptr<state> self, std::shared_ptr<const endpoint> to,
                                            std::shared_ptr<const http::request> request,
                                            exchange_limits limits, reading how) {
    using next = call::next;
    call work(std::move(self), std::move(to), std::move(request), limits, how);
    asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
    next step = core::is_canceled(stop) ? work.canceled("starting") : work.begin();
    while (step != next::over) {
        stop = co_await asio::this_coro::cancellation_state;
        if (step == next::wait) {
            wait_outcome outcome = wait_outcome::canceled;
            if (!core::is_canceled(stop)) outcome = co_await work.wait();
            step = work.woken(outcome);
        } else if (core::is_canceled(stop)) {
            step = work.canceled(call::doing(step));
        } else {
            step = co_await call::prepare(&work, step);
        }
    }
    co_return work.take();
}

task<result<http::response>> client::collect(std::shared_ptr<state> self, std::shared_ptr<const endpoint> to,
                                             std::shared_ptr<const http::request> request,
                                             exchange_limits limits) {
    asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
    if (core::is_canceled(stop)) co_return canceled_at(*to);
    result<response_stream> opened =
        co_await start(std::move(self), to, std::move(request), limits, reading::whole);
    if (!opened) co_return opened.error();
    response_stream answer = std::move(*opened);
    response_stream::state& s = *answer.state_;

    const auto too_long = [&to, &limits] {
        return located(*to, "reading the body",
                       fault(errc::protocol, "the body is longer than the limit of " +
                                                 std::to_string(limits.max_body) + " bytes"));
    };
    http::response whole;
    whole.status = s.status;
    whole.headers = std::move(s.headers);
    if (s.content_length) {
        if (*s.content_length > limits.max_body) co_return too_long();
        whole.body.reserve(
            static_cast<std::size_t>(std::min<std::uint64_t>(*s.content_length, reserve_limit)));
    }
    for (;;) {
        std::string_view slice;
        const result<read_status> got = answer.try_read(slice);
        if (!got) co_return got.error();
        if (*got == read_status::end) co_return whole;
        if (*got == read_status::slice) {
            if (slice.size() > limits.max_body - whole.body.size()) co_return too_long();
            whole.body.append(slice);
            continue;
        }
        stop = co_await asio::this_coro::cancellation_state;
        wait_outcome outcome = wait_outcome::canceled;
        if (!core::is_canceled(stop)) outcome = co_await s.wait();
        if (outcome != wait_outcome::ready) co_return s.fail(outcome);
    }
}

task<result<void>> client::warm(std::shared_ptr<state> self, std::shared_ptr<const endpoint> to,
                                std::size_t count, duration patience) {
    count = std::min(count, self->limits.idle);
    for (std::size_t made = 0; made < count;) {
        const std::shared_ptr<connection_pool> pool = self->pool_of(to);
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        if (core::is_canceled(stop)) co_return canceled_at(*to);
        if (pool->counters().idle >= count) break;
        std::optional<connection_pool::lease> reserved = pool->try_reserve();
        if (!reserved) break;
        result<std::unique_ptr<stream>> opened = fault(errc::canceled, "canceled");
        try {
            opened = co_await self->dial(to, core::after(self->time.now(), patience));
        } catch (const boost::system::system_error& e) {
            if (!core::is_cancellation(e)) throw;
        }
        const result<void> attached =
            opened ? self->attach(to, std::move(*opened), *reserved) : result<void>(opened.error());
        if (attached) {
            ++made;
            continue; // the lease's end lets the connection rest
        }
        if (self->pool_of(to) != pool) continue; // the server wants HTTP/1.1, which it says once
        const fault why = located(*to, "connecting", attached.error());
        if (why.kind() != errc::canceled && why.kind() != errc::timed_out) reserved->refuse(why);
        co_return why;
    }
    co_return result<void>();
}

task<result<void>> client::warm_up(std::shared_ptr<const endpoint> to, std::size_t count, duration patience) {
    return warm(state_, std::move(to), count, patience);
}

task<result<response_stream>> client::open(std::shared_ptr<const endpoint> to,
                                           std::shared_ptr<const http::request> request,
                                           exchange_limits limits) {
    return start(state_, std::move(to), std::move(request), limits, reading::in_slices);
}

task<result<http::response>> client::exchange(std::shared_ptr<const endpoint> to,
                                              std::shared_ptr<const http::request> request,
                                              exchange_limits limits) {
    return collect(state_, std::move(to), std::move(request), limits);
}

} // namespace modelmesh::net
