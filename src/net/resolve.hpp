// Names to addresses, through the system's resolver and a small cache per event loop.
#pragma once

#include "net/waiter.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace modelmesh::net {

class engine;

/// A service of its io_context. Lookups of the same name share one query; answers are kept for a minute,
/// since getaddrinfo does not tell how long they are valid. Failures are not kept. Threads: the event loop's.
/// The query itself runs on a thread of Asio's, and cannot be interrupted there: after a deadline the caller
/// goes on, but io_context::run() and its destruction wait for the system's resolver to give up.
class resolver final : public boost::asio::execution_context::service {
public:
    static inline boost::asio::execution_context::id id;
    using addresses = std::vector<boost::asio::ip::address>;

    explicit resolver(boost::asio::io_context& context);
    static resolver& of(boost::asio::io_context& context);

    /// The addresses of a host in the system's order of preference; at least one. A literal is its own
    /// answer, and `localhost` is the loopback without a question. Errors: connect ("resolve <host>:
    /// <reason>"), timed_out, canceled.
    task<result<addresses>> resolve(engine& io, std::string host, time_point deadline);

    /// Nobody answers at these addresses: the next caller asks anew.
    void forget(const std::string& host) { cache_.erase(host); }

    /// Number of queries sent to the system so far.
    [[nodiscard]] std::size_t queries() const noexcept { return queries_; }

private:
    static constexpr std::chrono::seconds lifetime{60};
    static constexpr std::size_t capacity = 256;

    struct query;
    struct entry {
        addresses found;
        time_point expires;
    };
    void shutdown() override;
    void answered(const std::string& host, query& asked, const boost::system::error_code& ec,
                  const boost::asio::ip::tcp::resolver::results_type& results);
    void remember(const std::string& host, const addresses& found);

    std::unique_ptr<boost::asio::ip::tcp::resolver> system_;
    std::unordered_map<std::string, entry> cache_;
    std::unordered_map<std::string, std::shared_ptr<query>> running_;
    std::size_t queries_ = 0;
};

} // namespace modelmesh::net
