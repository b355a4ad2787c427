// A bit that is not what was sent, in every byte that either end of a TLS connection sends: it is noticed, and the
// next request is served.
#include "fixture.hpp"

#include "net/client.hpp"
#include "support/identity.hpp"

#include <poll.h>

#include <array>
#include <mutex>
#include <optional>

namespace modelmesh::net::testing {
namespace {

enum class side { client, server };

std::string name_of(side who) { return who == side::client ? "client" : "server"; }

/// Carries the bytes of one connection after the other to a port of 127.0.0.1 and back, both ends' ends included.
class relay {
public:
    explicit relay(std::uint16_t to) : to_(to), thread_([this] { serve(); }) {}
    relay(const relay&) = delete;
    relay& operator=(const relay&) = delete;
    /// @pre no connection is open.
    ~relay() {
        is_over_ = true;
        connect_to(port()).close();
        thread_.join();
    }

    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
    /// Of the next connection, one bit of the byte that this side sends as the `at`-th.
    void flip_in_next(side who, std::size_t at) {
        const std::lock_guard lock(mutex_);
        flip_ = {who, at};
    }
    /// What the side has sent on the last connection.
    [[nodiscard]] std::string sent(side who) {
        const std::lock_guard lock(mutex_);
        return sent_[static_cast<std::size_t>(who)];
    }

private:
    struct flip {
        side who;
        std::size_t at;
    };

    void serve() {
        for (;;) {
            raw_socket near = listener_.accept();
            if (is_over_) return;
            std::optional<flip> what;
            {
                const std::lock_guard lock(mutex_);
                what = std::exchange(flip_, std::nullopt);
                sent_.fill("");
            }
            carry(near, connect_to(to_), what);
        }
    }
    void carry(const raw_socket& near, const raw_socket& far, std::optional<flip> what) {
        std::array<pollfd, 2> both{{{near.fd(), POLLIN, 0}, {far.fd(), POLLIN, 0}}};
        for (int open = 2; open > 0;) {
            if (::poll(both.data(), both.size(), -1) < 0) continue; // a ring may interrupt any system call
            for (const side who : {side::client, side::server}) {
                pollfd& from = both[static_cast<std::size_t>(who)];
                if (from.fd < 0 || from.revents == 0) continue;
                const raw_socket& to = who == side::client ? far : near;
                std::string bytes(65536, '\0');
                const ssize_t got = ::recv(from.fd, bytes.data(), bytes.size(), 0);
                if (got < 0 && errno == EINTR) continue;
                if (got <= 0) {
                    to.half_close();
                    from.fd = -1;
                    --open;
                    continue;
                }
                bytes.resize(static_cast<std::size_t>(got));
                pass(who, bytes, what);
                to.send(bytes);
            }
        }
    }
    void pass(side who, std::string& bytes, const std::optional<flip>& what) {
        const std::lock_guard lock(mutex_);
        std::string& before = sent_[static_cast<std::size_t>(who)];
        const std::size_t end = before.size() + bytes.size();
        if (what && what->who == who && what->at >= before.size() && what->at < end)
            bytes[what->at - before.size()] ^= static_cast<char>(1 << what->at % 8);
        before += bytes;
    }

    raw_listener listener_;
    std::uint16_t to_;
    std::atomic<bool> is_over_ = false;
    std::mutex mutex_; // guards what follows
    std::optional<flip> flip_;
    std::array<std::string, 2> sent_;
    std::thread thread_;
};

/// The bytes of which TLS vouches for nothing: heads of records that are not encrypted, and whole records that say
/// only that encryption begins (RFC 8446, section 5).
std::vector<bool> unprotected(std::string_view sent) {
    constexpr std::size_t head = 5;
    constexpr char change_cipher_spec = 20, application_data = 23;
    std::vector<bool> open(sent.size());
    for (std::size_t at = 0; at + head <= sent.size() && sent[at] != application_data;) {
        const std::size_t length =
            static_cast<unsigned char>(sent[at + 3]) << 8U | static_cast<unsigned char>(sent[at + 4]);
        const std::size_t harmless = head + (sent[at] == change_cipher_spec ? length : 0);
        for (std::size_t i = 0; i < harmless; ++i) open[at + i] = true;
        at += head + length;
    }
    return open;
}

class Flipped : public ::testing::TestWithParam<std::tuple<engine_kind, side>> {
protected:
    result<http::response> ask(loop& on, client& with, std::uint16_t port, duration patience) {
        // Whom it talks to is not what is tried here, and reading whom to trust would take the most of the time.
        tls_settings anybody;
        anybody.verify = false;
        auto request = std::make_shared<http::request>();
        request->target = "/hello";
        exchange_limits limits(late());
        limits.connect = limits.first_byte = limits.gap = patience;
        const auto to = std::make_shared<endpoint>(origin{true, "127.0.0.1", port}, anybody, http2_use::off);
        return on.run(with.exchange(to, request, limits));
    }

    const support::identity own{"flipped", "IP:127.0.0.1", nullptr};
};
std::string parameter_names(const ::testing::TestParamInfo<std::tuple<engine_kind, side>>& of) {
    const bool ring = std::get<0>(of.param) == engine_kind::uring;
    return (ring ? "uring_" : "epoll_") + name_of(std::get<1>(of.param));
}
INSTANTIATE_TEST_SUITE_P(Engines, Flipped,
                         ::testing::Combine(::testing::Values(engine_kind::uring, engine_kind::epoll),
                                            ::testing::Values(side::client, side::server)),
                         parameter_names);

TEST_P(Flipped, EveryByteIsVouchedFor) {
    const auto [kind, who] = GetParam();
    tls_server_settings settings;
    settings.certificate_pem = own.pem();
    settings.key_pem = own.key_pem();
    const std::size_t before = open_descriptors();
    {
        running_server server(kind, server_limits(), settings);
        relay between(server.port());
        std::vector<bool> open;
        {
            loop on(kind);
            client with(*on.io);
            ASSERT_TRUE(ask(on, with, between.port(), 10s));
            open = unprotected(between.sent(who));
        }
        ASSERT_GT(open.size(), 300u);
        for (std::size_t at = 0; at < open.size(); ++at) {
            SCOPED_TRACE("byte " + std::to_string(at));
            loop on(kind); // with no session to resume
            {
                client with(*on.io);
                between.flip_in_next(who, at);
                // What a length that grew announces never comes.
                const result<http::response> got = ask(on, with, between.port(), 100ms);
                if (got) {
                    EXPECT_TRUE(open[at]) << "nobody noticed";
                    EXPECT_EQ(got->body, "hello");
                } else {
                    const errc kind_of = got.error().kind();
                    EXPECT_TRUE(kind_of == errc::protocol || kind_of == errc::connect ||
                                kind_of == errc::timed_out)
                        << got.error().message;
                }
                const result<http::response> next = ask(on, with, between.port(), 10s);
                ASSERT_TRUE(next) << next.error().message;
                EXPECT_EQ(next->body, "hello");
            }
            const engine_counters left = on.io->counters();
            EXPECT_EQ(left.open_streams, 0u);
            EXPECT_EQ(left.waiters, 0u);
            EXPECT_EQ(left.lent_buffers, 0u);
        }
    }
    EXPECT_EQ(open_descriptors(), before);
}

} // namespace
} // namespace modelmesh::net::testing
