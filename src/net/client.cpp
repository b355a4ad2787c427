#include "net/client.hpp"

#include "net/engine.hpp"
#include "net/socket_stream.hpp"

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

// "host:port: waiting for the answer: ..."; what the transport reports names its peer already.
fault located(const endpoint& to, std::string_view doing, const fault& why) {
    std::string text;
    if (why.message.find(to.name()) == std::string::npos) text.append(to.name()).append(": ");
    text.append(doing).append(": ").append(why.message);
    return fault(why.kind(), std::move(text));
}

fault canceled_at(const endpoint& to) { return fault(errc::canceled, to.name() + ": canceled"); }
// Asio's report of a cancellation that came between two awaits of a task.
bool is_cancellation(const boost::system::system_error& e) {
    return e.code() == asio::error::operation_aborted;
}
bool is_canceled(const asio::cancellation_state& state) {
    return state.cancelled() != asio::cancellation_type::none;
}

// The time until a phase must be over, without running past the end of time.
time_point phase_end(time_point now, duration limit, time_point deadline) {
    return deadline - now <= limit ? deadline : now + limit;
}

} // namespace

struct client::state {
    struct pool_entry {
        std::shared_ptr<const endpoint> to;
        std::shared_ptr<connection_pool> pool;
    };

    state(engine& e, pool_limits l, const clock& c, dialer d)
        : io(e), limits(l), time(c), dial(std::move(d)) {}
    connection_pool& pool_of(const std::shared_ptr<const endpoint>& to);
    /// The state of an answer that has been read, or a new one.
    [[nodiscard]] response_stream::handle make_answer();

    engine& io;
    pool_limits limits;
    const clock& time;
    dialer dial;
    std::unordered_map<std::string, std::vector<pool_entry>> pools;
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
    std::optional<std::uint64_t> content_length;
    std::optional<fault> failure;
    bool is_over = false;

    [[nodiscard]] time_point now() const { return home->time.now(); }
    /// There is nothing to wait for.
    [[nodiscard]] bool is_settled() const noexcept { return failure.has_value() || is_over; }
    [[nodiscard]] wait_operation wait() { return lease.connection()->wait(phase_end(now(), gap, deadline)); }
    fault fail(const fault& why) {
        failure = located(*to, "reading the body", why);
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
    if (!is_canceled(stop)) outcome = co_await s.wait();
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
        if (!is_canceled(stop)) outcome = co_await s.wait();
        if (outcome != wait_outcome::ready) co_return s.fail(outcome);
    }
}

connection_pool& client::state::pool_of(const std::shared_ptr<const endpoint>& to) {
    std::vector<pool_entry>& same_origin = pools[to->name()];
    for (const pool_entry& entry : same_origin)
        if (entry.to == to || entry.to->shares_connections_with(*to)) return *entry.pool;
    const bool may_share =
        to->http2() == http2_use::prior_knowledge || (to->http2() == http2_use::automatic && to->where().tls);
    same_origin.push_back(pool_entry{to, std::make_shared<connection_pool>(io, limits, time, may_share)});
    return *same_origin.back().pool;
}

client::client(engine& io, pool_limits limits, const clock& time)
    : client(io, limits, time, [&io](std::shared_ptr<const endpoint> to, time_point deadline) {
          return connect(io, to->where(), to->tls(), deadline);
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
    for (const auto& [name, entries] : state_->pools) {
        for (const state::pool_entry& entry : entries) {
            const pool_counters one = entry.pool->counters();
            sum.in_use += one.in_use;
            sum.idle += one.idle;
            sum.waiting += one.waiting;
            sum.opened += one.opened;
            sum.reused += one.reused;
            sum.stale += one.stale;
        }
    }
    return sum;
}

task<result<response_stream>> client::start(std::shared_ptr<state> self, std::shared_ptr<const endpoint> to,
                                            std::shared_ptr<const http::request> request,
                                            exchange_limits limits) {
    try {
        if (const result<void> fit = proto::check_request(*request); !fit)
            co_return located(*to, "writing the request", fit.error());
        proto::request_defaults defaults;
        defaults.host = to->host();
        defaults.user_agent = self->user_agent;
        const outgoing what(std::move(request), defaults);
        asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        if (is_canceled(stop)) co_return located(*to, "starting", fault(errc::canceled, "canceled"));
        if (self->time.now() >= limits.deadline)
            co_return located(*to, "starting", fault(errc::timed_out, "the deadline has passed"));

        const std::shared_ptr<connection_pool> pool = self->pool_of(to).shared_from_this();
        connection_pool::lease lease;
        bool is_repeated = false;
        for (;;) {
            if (!lease) {
                if (std::optional<connection_pool::lease> free = pool->try_acquire()) {
                    lease = std::move(*free);
                } else {
                    result<connection_pool::lease> acquired =
                        co_await connection_pool::acquire(pool, limits.deadline);
                    if (!acquired) co_return located(*to, "getting a connection", acquired.error());
                    lease = std::move(*acquired);
                }
            }
            if (lease.connection() == nullptr) {
                const time_point until = phase_end(self->time.now(), limits.connect, limits.deadline);
                result<std::unique_ptr<stream>> made = co_await self->dial(to, until);
                if (!made) {
                    const fault why = located(*to, "connecting", made.error());
                    if (why.kind() != errc::canceled && until < limits.deadline) lease.refuse(why);
                    co_return why;
                }
                if (to->http2() == http2_use::prior_knowledge || (*made)->alpn() == "h2")
                    lease.attach(std::make_shared<http2_connection>(self->io, std::move(*made), to->name(),
                                                                    to->where().tls ? "https" : "http",
                                                                    self->limits.http2));
                else
                    lease.attach(std::make_unique<http1_connection>(std::move(*made)));
            }
            carrier& connection = *lease.connection();
            // Getting here may have taken all the time there was, and what is sent may be billed.
            stop = co_await asio::this_coro::cancellation_state;
            if (is_canceled(stop)) co_return canceled_at(*to);
            if (self->time.now() >= limits.deadline)
                co_return located(*to, "getting a connection", fault(errc::timed_out, "timed out"));

            std::string_view doing = "sending the request";
            std::optional<fault> failure;
            result<bool> is_there = connection.try_send(what);
            while (is_there && !*is_there) {
                stop = co_await asio::this_coro::cancellation_state;
                wait_outcome outcome = wait_outcome::canceled;
                if (!is_canceled(stop)) outcome = co_await connection.wait_sent(limits.deadline);
                is_there = outcome == wait_outcome::ready ? connection.try_send_rest()
                                                          : wait_fault("send to", to->name(), outcome);
            }
            if (!is_there) failure = is_there.error();
            // A server that refuses an upload answers and closes without reading the rest: the answer is in
            // the socket, and says more than the write that failed. The socket is dead, so nothing waits
            // long.
            const bool is_refused = failure && failure->kind() == errc::connect;
            if (is_refused) connection.end_after_this();
            if (!failure || is_refused) {
                const time_point until = phase_end(self->time.now(), limits.first_byte, limits.deadline);
                is_there = connection.try_read_head();
                while (is_there && !*is_there) {
                    stop = co_await asio::this_coro::cancellation_state;
                    wait_outcome outcome = wait_outcome::canceled;
                    if (!is_canceled(stop)) outcome = co_await connection.wait(until);
                    is_there = outcome == wait_outcome::ready
                                   ? connection.try_read_head()
                                   : wait_fault("receive from", to->name(), outcome);
                }
                if (is_there) {
                    response_stream::handle answer = self->make_answer();
                    response_stream::state& s = *answer;
                    s.deadline = limits.deadline;
                    s.gap = limits.gap;
                    s.status = connection.status();
                    s.content_length = connection.body_length();
                    connection.swap_headers(s.headers);
                    s.lease = std::move(lease);
                    s.to = std::move(to);
                    s.home = std::move(self);
                    co_return response_stream(std::move(answer));
                }
                if (!is_refused) {
                    doing = "waiting for the answer";
                    failure = is_there.error();
                } else if (is_there.error().kind() == errc::canceled) {
                    failure = is_there.error();
                }
            }
            const errc kind = failure->kind();
            const bool is_over = kind == errc::timed_out || kind == errc::canceled || kind == errc::config;
            const bool is_stale = lease.is_reused() && !connection.has_answer();
            // Once only: a server may refuse or die again and again, and who decides then is the router.
            if (is_over || is_repeated || (!connection.is_unprocessed() && !is_stale)) {
                connection.close();
                co_return located(*to, doing, *failure);
            }
            is_repeated = true;
            lease.drop_stale();
        }
    } catch (const boost::system::system_error& e) {
        if (!is_cancellation(e)) throw;
        co_return canceled_at(*to);
    }
}

task<result<http::response>> client::collect(std::shared_ptr<state> self, std::shared_ptr<const endpoint> to,
                                             std::shared_ptr<const http::request> request,
                                             exchange_limits limits) {
    asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
    if (is_canceled(stop)) co_return canceled_at(*to);
    result<response_stream> opened = co_await start(std::move(self), to, std::move(request), limits);
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
        if (!is_canceled(stop)) outcome = co_await s.wait();
        if (outcome != wait_outcome::ready) co_return s.fail(outcome);
    }
}

task<result<response_stream>> client::open(std::shared_ptr<const endpoint> to,
                                           std::shared_ptr<const http::request> request,
                                           exchange_limits limits) {
    return start(state_, std::move(to), std::move(request), limits);
}

task<result<http::response>> client::exchange(std::shared_ptr<const endpoint> to,
                                              std::shared_ptr<const http::request> request,
                                              exchange_limits limits) {
    return collect(state_, std::move(to), std::move(request), limits);
}

} // namespace modelmesh::net
