#include "client/net_transport.hpp"

#include "core/cancellation.hpp"
#include "net/engine.hpp"
#include "net/tls_context.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace modelmesh::detail {
namespace {

namespace asio = boost::asio;

class net_endpoint final : public router::endpoint {
public:
    explicit net_endpoint(std::shared_ptr<const net::endpoint> to) : server(std::move(to)) {}
    [[nodiscard]] bool is_same(const router::endpoint& other) const noexcept override {
        return server->is_same_server(*of(other).server);
    }
    [[nodiscard]] bool is_used_as(const router::endpoint& other) const noexcept override {
        return server->shares_connections_with(*of(other).server);
    }
    [[nodiscard]] std::string address() const override { return server->name(); }
    // Every endpoint of a snapshot that reaches this transport was made by make_endpoint below.
    static const net_endpoint& of(const router::endpoint& any) noexcept {
        return static_cast<const net_endpoint&>(any);
    }
    std::shared_ptr<const net::endpoint> server;
};

std::shared_ptr<const net::endpoint> server_of(const std::shared_ptr<const router::endpoint>& to) {
    return net_endpoint::of(*to).server;
}

class net_body final : public router::body {
public:
    explicit net_body(net::response_stream over) : response_(std::move(over)) {}
    result<router::body_state> try_read(std::string_view& slice) override {
        const result<net::read_status> status = response_.try_read(slice);
        if (!status) return status.error();
        switch (*status) {
        case net::read_status::slice:
            return router::body_state::slice;
        case net::read_status::would_block:
            return router::body_state::would_block;
        case net::read_status::end:
            break;
        }
        return router::body_state::end;
    }
    task<result<void>> wait() override { return response_.wait(); }
    void done() noexcept override { response_.done(); }

private:
    net::response_stream response_;
};

// What the library keeps in a loop: destroyed with it.
class loop_service final : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit loop_service(asio::execution_context& loop)
        : service(loop), engine_(net::engine::of(static_cast<asio::io_context&>(loop))), client_(engine_),
          transport_(engine_, client_) {}

    net_transport& transport() noexcept { return transport_; }

private:
    void shutdown() override {}

    net::engine& engine_;
    net::client client_;
    net_transport transport_;
};

net::http2_use http2_use_of(http_version wanted) noexcept {
    switch (wanted) {
    case http_version::http1:
        return net::http2_use::off;
    case http_version::http2:
        return net::http2_use::prior_knowledge;
    case http_version::automatic:
        break;
    }
    return net::http2_use::automatic;
}

} // namespace

result<made_endpoint> make_endpoint(const provider_config& settings, const environment& env) {
    result<net::url> url = net::parse_url(settings.base_url);
    if (!url) return fault(errc::config, "base_url: " + url.error().message);
    net::tls_settings tls;
    tls.verify = settings.tls.verify;
    tls.ca_file = settings.tls.ca_file;
    tls.ca_pem = settings.tls.ca_pem;
    tls.certificate_file = settings.tls.certificate_file;
    tls.certificate_pem = settings.tls.certificate_pem;
    tls.key_file = settings.tls.key_file;
    tls.key_pem = settings.tls.key_pem;
    // Where settings name none of their own files, there is nothing that could be wrong.
    if (url->where.tls && tls != net::tls_settings())
        if (const auto usable = net::tls_context::create(tls); !usable) return usable.error();
    result<std::optional<net::proxy>> via = net::choose_proxy(url->where, settings.proxy, env);
    if (!via) return via.error();
    if (settings.pipeline_depth == 0) return fault(errc::config, "pipeline_depth must be at least 1");
    if (settings.pipeline_depth > 1 && settings.http == http_version::http2)
        return fault(errc::config, "pipeline_depth is for HTTP/1.1, and http is http2");
    if (settings.connection_pool.max_connections == 0)
        return fault(errc::config, "connection_pool.max_connections must be at least 1");
    if (const auto& wait = settings.connection_pool.timeout; wait && wait->count() <= 0)
        return fault(errc::config,
                     "connection_pool.timeout must be above 0, or left out to wait until the deadline");
    if (settings.connection_pool.idle_timeout.count() < 0)
        return fault(errc::config, "connection_pool.idle_timeout must not be below 0");
    net::connection_rules rules;
    rules.pipeline_depth = settings.pipeline_depth;
    rules.connections = settings.connection_pool.max_connections;
    rules.queue_time = settings.connection_pool.timeout;
    rules.idle_time = settings.connection_pool.idle_timeout;
    made_endpoint made;
    made.base_path = std::move(url->path);
    made.where = std::make_shared<net_endpoint>(std::make_shared<const net::endpoint>(
        std::move(url->where), std::move(tls), http2_use_of(settings.http), std::move(*via), rules));
    return made;
}

result<net_transport*> net_transport::of(asio::io_context& loop) {
    try {
        return &asio::use_service<loop_service>(loop).transport();
    } catch (const error& failure) {
        return failure.info();
    }
}

namespace {
constexpr std::chrono::seconds warm_up_limit{10};

task<result<void>> warm_one(net::client* client, std::shared_ptr<const net::endpoint> to, std::size_t count) {
    // In a coroutine of its own, which would let only the hardest type of cancellation through.
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_return co_await client->warm_up(std::move(to), count, warm_up_limit);
}

task<result<void>> warm_all(net::client* client, std::shared_ptr<const router::snapshot> picture,
                            std::size_t connections) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    using opening = decltype(asio::co_spawn(executor, warm_one(client, nullptr, 0), asio::deferred));
    std::vector<opening> openings;
    for (const auto& provider : picture->providers)
        openings.push_back(asio::co_spawn(executor, warm_one(client, server_of(provider->where), connections),
                                          asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(openings));
    auto done = co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    auto& [order, thrown, outcomes] = done;

    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (core::is_canceled(state)) co_return fault(errc::canceled, "warm_up: canceled");
    std::optional<fault> failure;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (thrown[i]) std::rethrow_exception(thrown[i]); // out of memory
        if (outcomes[i]) continue;
        const std::string line =
            "provider '" + picture->providers[i]->id + "': " + outcomes[i].error().message;
        if (failure)
            failure->message.append("\n").append(line);
        else
            failure.emplace(outcomes[i].error().kind(), line);
    }
    if (failure) co_return std::move(*failure);
    co_return result<void>();
}
} // namespace

task<result<void>> net_transport::warm_up(std::shared_ptr<const router::snapshot> picture,
                                          std::size_t connections) {
    return warm_all(client_, std::move(picture), connections);
}

namespace {
net::exchange_limits within(const router::patience& limits) {
    net::exchange_limits made(limits.deadline);
    made.first_byte = limits.first_byte;
    made.connect = std::min(made.connect, limits.first_byte); // a host that drops packets answers no sooner
    return made;
}
} // namespace

task<result<http::response>> net_transport::exchange(std::shared_ptr<const router::endpoint> to,
                                                     std::shared_ptr<const http::request> request,
                                                     router::patience limits) {
    return client_->exchange(server_of(to), std::move(request), within(limits));
}

namespace {
task<result<router::opened>> open_streamed(net::client* client, std::shared_ptr<const net::endpoint> to,
                                           std::shared_ptr<const http::request> request,
                                           net::exchange_limits limits) {
    result<net::response_stream> response = co_await client->open(std::move(to), std::move(request), limits);
    if (!response) co_return std::move(response).error();
    router::opened opened;
    opened.head.status = response->status();
    opened.head.headers = response->take_headers();
    if (opened.head.status >= 200 && opened.head.status < 300) {
        opened.body = std::make_unique<net_body>(std::move(*response));
        co_return std::move(opened);
    }
    // The text of a failure is short; what is longer says nothing more.
    constexpr std::size_t longest_explanation = 64 * 1024;
    while (opened.head.body.size() < longest_explanation) {
        result<std::optional<std::string_view>> slice = co_await response->read();
        if (!slice) break; // the status says enough
        if (!*slice) break;
        opened.head.body += **slice;
    }
    co_return std::move(opened);
}
} // namespace

task<result<router::opened>> net_transport::open(std::shared_ptr<const router::endpoint> to,
                                                 std::shared_ptr<const http::request> request,
                                                 router::patience limits) {
    return open_streamed(client_, server_of(to), std::move(request), within(limits));
}

namespace {
task<result<void>> sleep(time_point moment) {
    asio::steady_timer alarm(co_await asio::this_coro::executor, moment);
    (void)co_await alarm.async_wait(asio::as_tuple(asio::use_awaitable));
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (core::is_canceled(state)) co_return fault(errc::canceled, "canceled while waiting for the provider");
    co_return result<void>();
}
} // namespace

task<result<void>> net_transport::sleep_until(time_point moment) { return sleep(moment); }

std::string_view net_transport::engine_name() const noexcept { return engine_->name(); }

engine_report net_transport::report() const {
    engine_report report;
    report.name = engine_->name();
    report.reason = engine_->fallback_reason().empty()
                        ? (report.name == "uring" ? "the kernel allows io_uring" : "chosen by MODELMESH_IO")
                        : "io_uring is not used: " + engine_->fallback_reason();
    return report;
}

} // namespace modelmesh::detail
