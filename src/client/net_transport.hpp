// The router's transport over the real network: one per event loop.
#pragma once

#include "client/detect.hpp"
#include "net/client.hpp"
#include "router/transport.hpp"

#include <modelmesh/config/config.hpp>
#include <modelmesh/core/engine.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>
#include <random>
#include <string>

namespace modelmesh::detail {

/// A provider's server as the router carries it, and the path that its base URL ends with.
class made_endpoint {
public:
    made_endpoint() = default;
    std::shared_ptr<const router::endpoint> where;
    std::string base_path;
};

/// @param env  where the proxy is looked up that the settings leave open.
/// Errors: config, naming what is wrong with the URL or the certificates, or which variable names no proxy.
[[nodiscard]] result<made_endpoint> make_endpoint(const provider_config& settings, const environment& env);

class net_transport final : public router::transport {
public:
    /// The transport of a loop; made on first use, lives as long as the loop. Called on the loop's thread.
    /// Errors: config, MODELMESH_IO demands what this machine does not allow.
    [[nodiscard]] static result<net_transport*> of(boost::asio::io_context& loop);

    net_transport(net::engine& io, net::client& over)
        : engine_(&io), client_(&over), random_(std::random_device()()) {}

    task<result<http::response>> exchange(std::shared_ptr<const router::endpoint> to,
                                          std::shared_ptr<const http::request> request,
                                          router::patience limits) override;
    task<result<router::opened>> open(std::shared_ptr<const router::endpoint> to,
                                      std::shared_ptr<const http::request> request,
                                      router::patience limits) override;
    task<result<void>> sleep_until(time_point moment) override;
    /// Opens connections to the providers of the snapshot, to all of them at once, 10 s at most for each.
    /// Errors: canceled; after all have been tried, the kind of the first failure and a line for each.
    task<result<void>> warm_up(std::shared_ptr<const router::snapshot> picture, std::size_t connections);
    [[nodiscard]] const clock& time() const noexcept override { return clock::system(); }
    [[nodiscard]] rng& random() noexcept override { return random_; }
    [[nodiscard]] std::string_view engine_name() const noexcept override;
    [[nodiscard]] engine_report report() const;

private:
    net::engine* engine_;
    net::client* client_;
    xoshiro256 random_;
};

} // namespace modelmesh::detail
