// What TLS adds to a message: a record sealed by one tls_stream and opened by another one, without sockets;
// beside it the cipher alone, and a copy of the same bytes.
#include "net/tls_stream.hpp"

#include "certificate.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace modelmesh;
namespace asio = boost::asio;

/// One direction of a connection in memory. What is on its way is joined, as in a socket's buffer.
class wire final : public net::chunk_lender {
public:
    void put(std::string_view bytes) { flying_.append(bytes); }
    bool take(net::chunk& out) {
        if (flying_.empty() || is_lent_) return false;
        lent_.swap(flying_);
        flying_.clear();
        lent_.reserve(lent_.size() + net::chunk::padding);
        is_lent_ = true;
        out = net::chunk(*this, lent_.data(), lent_.data(), lent_.size(), 0);
        return true;
    }

private:
    void give_back(char*, std::uint32_t) noexcept override { is_lent_ = false; }

    std::string flying_;
    std::string lent_;
    bool is_lent_ = false;
};

class wire_end final : public net::stream {
public:
    wire_end(std::shared_ptr<wire> in, std::shared_ptr<wire> out)
        : in_(std::move(in)), out_(std::move(out)) {}

    result<net::io_status> try_receive(net::chunk& out) override {
        return in_->take(out) ? net::io_status::ready : net::io_status::would_block;
    }
    result<bool> try_send(net::gather& parts) override {
        for (const std::string_view part : parts.parts()) out_->put(part);
        parts = net::gather();
        return true;
    }
    // Only handshakes wait; each asks again when the other has had its turn.
    net::wait_operation wait_readable(time_point) override {
        return net::wait_operation(net::wait_outcome::ready);
    }
    net::wait_operation wait_writable(time_point) override {
        return net::wait_operation(net::wait_outcome::ready);
    }
    [[nodiscard]] net::send_progress progress() const noexcept override { return {}; }
    void close() noexcept override {}
    void park() noexcept override {}
    bool unpark() noexcept override { return true; }

private:
    std::shared_ptr<wire> in_;
    std::shared_ptr<wire> out_;
};

/// Both ends of a TLS connection, after the handshake.
class connection {
public:
    connection() {
        const testing::detail::identity own = testing::detail::make_identity();
        net::tls_settings trusting;
        trusting.ca_pem = own.ca_certificate;
        net::tls_server_settings proving;
        proving.certificate_pem = own.certificate;
        proving.key_pem = own.private_key;
        const auto there = std::make_shared<wire>();
        const auto back = std::make_shared<wire>();
        client = std::make_unique<net::tls_stream>(std::make_unique<wire_end>(back, there), *pool_,
                                                   net::tls_context::create(trusting).value(),
                                                   net::origin{true, "127.0.0.1", 443});
        server =
            std::make_unique<net::tls_stream>(std::make_unique<wire_end>(there, back), *pool_,
                                              net::tls_server_context::create(proving).value(), "client");
        asio::io_context loop{1};
        auto ours = asio::co_spawn(loop, client->handshake(time_point::max()), asio::use_future);
        auto theirs = asio::co_spawn(loop, server->handshake(time_point::max()), asio::use_future);
        loop.run();
        ours.get().value();
        theirs.get().value();
    }

private:
    net::buffer_pool::handle pool_ = net::buffer_pool::make(8);

public:
    std::unique_ptr<net::tls_stream> client;
    std::unique_ptr<net::tls_stream> server;
};

void count_bytes(benchmark::State& state, std::size_t each) {
    state.SetBytesProcessed(static_cast<std::int64_t>(each) * state.iterations());
}

std::string message(const benchmark::State& state) {
    return std::string(static_cast<std::size_t>(state.range(0)), 'm');
}

void tls_record(benchmark::State& state) {
    const std::string sent = message(state);
    connection both;
    for (auto _ : state) {
        net::gather parts(sent);
        if (!both.server->try_send(parts).value()) std::abort();
        net::chunk got;
        if (both.client->try_receive(got).value() != net::io_status::ready ||
            got.bytes().size() != sent.size())
            std::abort();
        benchmark::DoNotOptimize(got.bytes().data());
    }
    count_bytes(state, sent.size());
}

// TLS 1.3's first choice of ciphers, with one key and no records: the floor.
void aes_256_gcm(benchmark::State& state) {
    struct release {
        void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
    };
    const std::unique_ptr<EVP_CIPHER_CTX, release> seal(EVP_CIPHER_CTX_new());
    const std::unique_ptr<EVP_CIPHER_CTX, release> open(EVP_CIPHER_CTX_new());
    const std::string plain = message(state);
    std::array<unsigned char, 32> key{};
    std::array<unsigned char, 12> nonce{};
    std::array<unsigned char, 16> tag{};
    std::string sealed(plain.size(), '\0');
    std::string opened(plain.size(), '\0');
    const auto bytes = [](const auto& text) { return reinterpret_cast<const unsigned char*>(text.data()); };
    const auto space = [](auto& text) { return reinterpret_cast<unsigned char*>(text.data()); };
    EVP_EncryptInit_ex(seal.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data());
    EVP_DecryptInit_ex(open.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data());
    const int size = static_cast<int>(plain.size());
    for (auto _ : state) {
        int done = 0;
        EVP_EncryptInit_ex(seal.get(), nullptr, nullptr, nullptr, nonce.data());
        EVP_EncryptUpdate(seal.get(), space(sealed), &done, bytes(plain), size);
        EVP_EncryptFinal_ex(seal.get(), space(sealed), &done);
        EVP_CIPHER_CTX_ctrl(seal.get(), EVP_CTRL_GCM_GET_TAG, tag.size(), tag.data());
        EVP_DecryptInit_ex(open.get(), nullptr, nullptr, nullptr, nonce.data());
        EVP_DecryptUpdate(open.get(), space(opened), &done, bytes(sealed), size);
        EVP_CIPHER_CTX_ctrl(open.get(), EVP_CTRL_GCM_SET_TAG, tag.size(), tag.data());
        if (EVP_DecryptFinal_ex(open.get(), space(opened), &done) != 1) std::abort();
        benchmark::DoNotOptimize(opened.data());
    }
    count_bytes(state, plain.size());
}

void copy(benchmark::State& state) {
    const std::string from = message(state);
    std::string to(from.size(), '\0');
    for (auto _ : state) {
        std::memcpy(to.data(), from.data(), from.size());
        benchmark::DoNotOptimize(to.data());
        benchmark::ClobberMemory();
    }
    count_bytes(state, from.size());
}

// An event of a stream, and a record that is full.
BENCHMARK(tls_record)->ArgName("bytes")->Arg(200)->Arg(16 * 1024);
BENCHMARK(aes_256_gcm)->ArgName("bytes")->Arg(200)->Arg(16 * 1024);
BENCHMARK(copy)->ArgName("bytes")->Arg(200)->Arg(16 * 1024);

} // namespace
