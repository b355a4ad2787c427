// The name cache.
#include "net/resolve.hpp"

#include "core/cancellation.hpp"
#include "net/engine.hpp"
#include "net/socket_stream.hpp"

#include <modelmesh/http/message.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <list>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;

namespace {

// RFC 6761 section 6.3: these names are the loopback addresses, and no server is asked for them. Most local
// servers listen on the first alone.
bool is_localhost(std::string_view host) noexcept {
    constexpr std::string_view name = "localhost";
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.size() < name.size() || !http::iequals(host.substr(host.size() - name.size()), name))
        return false;
    return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
}

} // namespace

// One question to the system, and everybody who waits for its answer.
struct resolver::query {
    // In the frame of the coroutine that waits, and off the list with it.
    class asker final : waiter::owner {
    public:
        asker(engine& io, std::shared_ptr<query> of) : wait(io, *this), query_(std::move(of)) {
            query_->askers.push_back(this);
        }
        asker(const asker&) = delete;
        asker& operator=(const asker&) = delete;
        ~asker() { query_->askers.remove(this); }
        waiter wait;

    private:
        void gave_up(waiter&, wait_outcome) noexcept override {}
        std::shared_ptr<query> query_;
    };
    std::list<asker*> askers;
    bool answered = false;
    std::string failure;
    addresses found;
};

resolver::resolver(asio::io_context& context)
    : service(context), system_(std::make_unique<asio::ip::tcp::resolver>(context)) {}

resolver& resolver::of(asio::io_context& context) { return asio::use_service<resolver>(context); }

void resolver::shutdown() {
    system_.reset();
    running_.clear();
}

task<result<resolver::addresses>> resolver::resolve(engine& io, std::string host, time_point deadline) {
    boost::system::error_code ec;
    const auto literal = asio::ip::make_address(host, ec);
    if (!ec) co_return addresses(1, literal);
    if (is_localhost(host)) {
        addresses loopback;
        loopback.push_back(asio::ip::address_v4::loopback());
        loopback.push_back(asio::ip::address_v6::loopback());
        co_return loopback;
    }
    if (const auto known = cache_.find(host); known != cache_.end()) {
        if (clock::system().now() < known->second.expires) co_return known->second.found;
        cache_.erase(known);
    }
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (core::is_canceled(cancellation)) co_return wait_fault("resolve", host, wait_outcome::canceled);

    std::shared_ptr<query> asked;
    if (const auto same = running_.find(host); same != running_.end()) {
        asked = same->second;
    } else {
        asked = std::make_shared<query>();
        running_.emplace(host, asked);
        ++queries_;
        try {
            system_->async_resolve(host, "",
                                   [this, host, asked](const boost::system::error_code& error,
                                                       const asio::ip::tcp::resolver::results_type& results) {
                                       answered(host, *asked, error, results);
                                   });
        } catch (const boost::system::system_error& e) { // Asio found no thread to ask on
            running_.erase(host);
            co_return fault(errc::connect, "resolve " + host + ": " + e.what());
        }
    }
    query::asker self(io, asked);
    const wait_outcome outcome = co_await self.wait.wait(deadline);
    if (asked->answered && outcome == wait_outcome::ready) {
        if (!asked->failure.empty()) co_return fault(errc::connect, asked->failure);
        co_return asked->found;
    }
    co_return wait_fault("resolve", host, outcome);
}

void resolver::answered(const std::string& host, query& asked, const boost::system::error_code& ec,
                        const asio::ip::tcp::resolver::results_type& results) {
    for (const auto& result : results) {
        const auto address = result.endpoint().address();
        if (std::find(asked.found.begin(), asked.found.end(), address) == asked.found.end())
            asked.found.push_back(address);
    }
    asked.answered = true;
    if (ec || asked.found.empty())
        asked.failure = "resolve " + host + ": " + (ec ? ec.message() : "the name has no address");
    else
        remember(host, asked.found);
    for (query::asker* asker : asked.askers) asker->wait.complete(wait_outcome::ready);
    running_.erase(host); // last: `asked` may live on only in the coroutines that wait
}

void resolver::remember(const std::string& host, const addresses& found) {
    const auto now = clock::system().now();
    if (cache_.size() >= capacity)
        std::erase_if(cache_, [now](const auto& e) { return e.second.expires <= now; });
    if (cache_.size() >= capacity) cache_.erase(cache_.begin());
    cache_.insert_or_assign(host, entry{found, now + lifetime});
}

} // namespace modelmesh::net
