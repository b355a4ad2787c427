#include "net/client.hpp"

#include "core/cancellation.hpp"
#include "net/engine.hpp"

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

// "host:port: waiting for the answer: ..."; what the transport reports names its peer already.
fault located(const endpoint& to, std::string_view doing, const fault& why) {
    std::string text;
    if (why.message.find(to.name()) == std::string::npos) text.append(to.name()).append(": ");
    text.append(doing).append(": ").append(why.message);
    return fault(why.kind(), std::move(text));
}

// @param on  outlives the task.
task<result<void>> head_arrives(carrier* on, time_point until) {
    for (;;) {
        const result<bool> is_there = on->try_read_head();
        if (!is_there) co_return is_there.error();
        if (*is_there) co_return result<void>();
        const result<void> waited = co_await on->wait(until);
        if (!waited) co_return waited.error();
    }
}

// The time until a phase must be over, without running past the end of time.
time_point phase_end(time_point now, duration limit, time_point deadline) {
    return deadline - now <= limit ? deadline : now + limit;
}

} // namespace

struct response_stream::state {
    std::shared_ptr<const endpoint> to;
    connection_pool::lease lease;
    const clock& time;
    time_point deadline;
    duration gap;
    int status;
    http::headers headers;
    std::optional<std::uint64_t> content_length;
    std::optional<fault> failure{};
    bool is_over = false;

    fault fail(const fault& why) {
        failure = located(*to, "reading the body", why);
        lease.connection()->close();
        lease.give_back();
        return *failure;
    }
    fault fail_late() { return fail(fault(errc::timed_out, "the deadline passed")); }
};

response_stream::response_stream(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
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
    } else if (*got == read_status::slice && s.time.now() >= s.deadline) {
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
    if (s.failure || s.is_over) co_return result<void>();
    const time_point now = s.time.now();
    result<void> waited;
    try {
        waited = co_await s.lease.connection()->wait(phase_end(now, s.gap, s.deadline));
    } catch (const boost::system::system_error& e) {
        // Asio's report of a cancellation that came while nothing was awaited.
        if (e.code() != asio::error::operation_aborted) throw;
        waited = fault(errc::canceled, "canceled");
    }
    if (!waited) co_return s.fail(waited.error());
    co_return result<void>();
}

task<result<std::optional<std::string_view>>> response_stream::read() {
    for (;;) {
        std::string_view slice;
        const result<read_status> got = try_read(slice);
        if (!got) co_return got.error();
        if (*got == read_status::slice) co_return std::optional<std::string_view>(slice);
        if (*got == read_status::end) co_return std::optional<std::string_view>();
        std::optional<fault> failure;
        try {
            const result<void> waited = co_await wait();
            if (!waited) failure = waited.error();
        } catch (const boost::system::system_error& e) { // as in wait()
            if (e.code() != asio::error::operation_aborted) throw;
            failure = state_->fail(fault(errc::canceled, "canceled"));
        }
        if (failure) co_return *std::move(failure);
    }
}

struct client::state {
    struct pool_entry {
        std::shared_ptr<const endpoint> to;
        std::shared_ptr<connection_pool> pool;
    };

    connection_pool& pool_of(const std::shared_ptr<const endpoint>& to) {
        std::vector<pool_entry>& same_origin = pools[to->name()];
        for (const pool_entry& entry : same_origin)
            if (entry.to == to || entry.to->shares_connections_with(*to)) return *entry.pool;
        const bool may_share = to->http2() == http2_use::prior_knowledge ||
                               (to->http2() == http2_use::automatic && to->where().tls);
        same_origin.push_back(pool_entry{to, std::make_shared<connection_pool>(io, limits, time, may_share)});
        return *same_origin.back().pool;
    }

    engine& io;
    pool_limits limits;
    const clock& time;
    dialer dial;
    std::unordered_map<std::string, std::vector<pool_entry>> pools{};
    std::string user_agent = "modelmesh/" MODELMESH_VERSION;
};

client::client(engine& io, pool_limits limits, const clock& time)
    : client(io, limits, time, [&io](std::shared_ptr<const endpoint> to, time_point deadline) {
          return connect(io, to->where(), to->tls(), deadline);
      }) {}

client::client(engine& io, pool_limits limits, const clock& time, dialer dial)
    : state_(std::make_shared<state>(state{io, limits, time, std::move(dial)})) {}

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
    outgoing what;
    what.request = request;
    what.defaults.host = to->host();
    what.defaults.user_agent = self->user_agent;
    result<std::string> head = proto::write_request_head(*request, what.defaults);
    if (!head) co_return located(*to, "writing the request", head.error());
    what.head = std::move(*head);
    // Seen here by callers who have switched Asio's exception for it off; the others never get this far.
    const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
    if (stop.cancelled() != asio::cancellation_type::none)
        co_return located(*to, "starting", fault(errc::canceled, "canceled"));
    if (self->time.now() >= limits.deadline)
        co_return located(*to, "starting", fault(errc::timed_out, "the deadline has passed"));

    const std::shared_ptr<connection_pool> pool = self->pool_of(to).shared_from_this();
    connection_pool::lease lease;
    bool is_repeated = false;
    for (;;) {
        if (!lease) {
            result<connection_pool::lease> acquired =
                co_await connection_pool::acquire(pool, limits.deadline);
            if (!acquired) co_return located(*to, "getting a connection", acquired.error());
            lease = std::move(*acquired);
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

        std::string_view doing = "sending the request";
        result<void> progress = co_await connection.send(what, limits.deadline);
        if (progress) {
            doing = "waiting for the answer";
            const time_point until = phase_end(self->time.now(), limits.first_byte, limits.deadline);
            progress = co_await head_arrives(&connection, until);
        } else if (progress.error().kind() == errc::connect) {
            // A server that refuses an upload answers and closes without reading the rest: the answer is in
            // the socket, and says more than the write that failed. The socket is dead, so nothing waits
            // long.
            connection.end_after_this();
            const time_point until = phase_end(self->time.now(), limits.first_byte, limits.deadline);
            const result<void> refused = co_await head_arrives(&connection, until);
            if (refused || refused.error().kind() == errc::canceled) progress = refused;
        }

        if (progress) {
            auto s = std::make_unique<response_stream::state>(response_stream::state{
                to, std::move(lease), self->time, limits.deadline, limits.gap, connection.status(),
                connection.take_headers(), connection.body_length()});
            co_return response_stream(std::move(s));
        }
        const errc kind = progress.error().kind();
        const bool is_lost = kind != errc::timed_out && kind != errc::canceled && kind != errc::config;
        const bool is_stale = lease.is_reused() && !connection.has_answer() && is_lost;
        // A server may refuse for ever; dead connections come to an end.
        if (connection.is_unprocessed() ? std::exchange(is_repeated, true) : !is_stale) {
            connection.close();
            co_return located(*to, doing, progress.error());
        }
        lease.drop_stale();
    }
}

task<result<http::response>> client::collect(std::shared_ptr<state> self, std::shared_ptr<const endpoint> to,
                                             std::shared_ptr<const http::request> request,
                                             exchange_limits limits) {
    result<response_stream> opened = co_await start(std::move(self), to, std::move(request), limits);
    if (!opened) co_return opened.error();
    response_stream answer = std::move(*opened);

    const fault too_long(errc::protocol, "the body is longer than the limit of " +
                                             std::to_string(limits.max_body) + " bytes");
    http::response whole;
    whole.status = answer.status();
    whole.headers = answer.take_headers();
    if (const std::optional<std::uint64_t> announced = answer.state_->content_length) {
        if (*announced > limits.max_body) co_return located(*to, "reading the body", too_long);
        whole.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*announced, reserve_limit)));
    }
    for (;;) {
        std::string_view slice;
        const result<read_status> got = answer.try_read(slice);
        if (!got) co_return got.error();
        if (*got == read_status::end) co_return whole;
        if (*got == read_status::slice) {
            if (slice.size() > limits.max_body - whole.body.size())
                co_return located(*to, "reading the body", too_long);
            whole.body.append(slice);
            continue;
        }
        const result<void> waited = co_await answer.wait();
        if (!waited) co_return waited.error();
    }
}

task<result<response_stream>> client::open(std::shared_ptr<const endpoint> to,
                                           std::shared_ptr<const http::request> request,
                                           exchange_limits limits) {
    return core::canceled_as_fault(start(state_, to, std::move(request), limits), to->name());
}

task<result<http::response>> client::exchange(std::shared_ptr<const endpoint> to,
                                              std::shared_ptr<const http::request> request,
                                              exchange_limits limits) {
    return core::canceled_as_fault(collect(state_, to, std::move(request), limits), to->name());
}

} // namespace modelmesh::net
