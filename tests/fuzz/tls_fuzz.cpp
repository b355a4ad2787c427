// Both sides of TLS, joined by a connection in memory that hands bytes on in pieces and may spoil them. What
// arrives is what was sent, from its beginning; an end that nobody announced is never an end in order; and
// who has failed stays failed.
// Input: a plan, not ciphertext, which no two runs have alike. Its first bytes choose the settings, the
// pieces and one fault of the handshake; behind them come steps. A plan that is over reads as zeros.
// fuzz-uses: transport
#include "net/tls_stream.hpp"

#include "splits.hpp"
#include "support/identity.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace net = modelmesh::net;
using modelmesh::errc;
using modelmesh::fault;
using modelmesh::result;
using modelmesh::time_point;
using net::io_status;
using net::wait_operation;
using net::wait_outcome;

// Of anything that has to come to an end: more is a hang.
constexpr std::size_t patience = std::size_t{1} << 20;
// So many waits in a row may bring nothing before a deadline has come.
constexpr std::size_t deadline_after = 16;
constexpr std::size_t most_plaintext = std::size_t{256} << 10; // one direction of one run
constexpr unsigned most_key_updates = 16;                      // OpenSSL gives up at 32 without data between

void require(bool holds) {
    if (!holds) std::abort();
}

class plan {
public:
    plan(const std::uint8_t* data, std::size_t size) noexcept : at_(data), end_(data + size) {}
    [[nodiscard]] bool is_over() const noexcept { return at_ == end_; }
    std::uint8_t next() noexcept { return is_over() ? std::uint8_t{0} : *at_++; }
    std::size_t next_wide() noexcept {
        const std::size_t high = next();
        return high << 8 | next();
    }

private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

/// How many bytes go at once: three widths in turn, of which 0 is none and 255 all.
class pieces {
public:
    explicit pieces(plan& from) noexcept {
        for (std::uint8_t& width : widths_) width = from.next();
        if (widths_ == decltype(widths_){}) widths_.fill(all);
    }
    std::size_t next(std::size_t available) noexcept {
        if (used_ == most) return available;
        const std::uint8_t width = widths_[used_++ % widths_.size()];
        return width == all ? available : std::min<std::size_t>(width, available);
    }

private:
    static constexpr std::uint8_t all = 255;
    static constexpr std::size_t most = 6000; // then whole: a run is to be cheap
    std::array<std::uint8_t, 3> widths_{};
    std::size_t used_ = 0;
};

enum class harm : std::uint8_t { none, flip, cut, stall, inject, fail };

struct damage {
    explicit damage(plan& from) noexcept
        : kind(static_cast<harm>(from.next() % 6)), at(from.next_wide()), value(from.next()) {}
    harm kind;
    std::size_t at; // counted in the bytes that follow
    std::uint8_t value;
};

/// What is under way in one direction.
class wire {
public:
    void spoil(const damage& how) noexcept {
        if (harm_ || how.kind == harm::none) return;
        harm_ = how;
        harm_->at += passed_;
    }
    void send(std::string_view bytes) {
        if (bytes.empty() || is_dead_) return;
        moved = true;
        if (harm_ && harm_->at < passed_ + bytes.size()) {
            const std::size_t before = harm_->at - passed_;
            pass(bytes.substr(0, before));
            bytes.remove_prefix(before);
            apply(*std::exchange(harm_, std::nullopt), bytes);
        }
        pass(bytes);
    }
    void end() noexcept { is_over_ = true; }
    void fail() noexcept {
        abandon();
        has_failed_ = true;
    }
    /// Nobody reads any more.
    void abandon() noexcept {
        under_way_.clear();
        taken_ = 0;
        is_dead_ = true;
    }
    /// Valid until the next call of anything.
    std::string_view take(std::size_t size) {
        moved = moved || size != 0;
        const std::string_view taken = std::string_view(under_way_).substr(taken_, size);
        taken_ += size;
        return taken;
    }
    [[nodiscard]] std::size_t size() const noexcept { return under_way_.size() - taken_; }
    [[nodiscard]] bool is_over() const noexcept { return is_over_; }
    [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }
    [[nodiscard]] bool is_spoiled() const noexcept { return is_spoiled_; }
    [[nodiscard]] bool is_readable() const noexcept { return size() != 0 || is_over_ || has_failed_; }
    bool moved = false; // since somebody asked

private:
    void pass(std::string_view bytes) {
        if (is_dead_) return;
        if (taken_ == under_way_.size()) under_way_.erase(0, std::exchange(taken_, 0));
        under_way_ += bytes;
        passed_ += bytes.size();
        if (!bytes.empty()) last_ = bytes;
    }
    // @param rest  what comes from here on.
    void apply(const damage& how, std::string_view& rest) {
        is_spoiled_ = true;
        switch (how.kind) {
        case harm::none:
            break;
        case harm::flip:
            under_way_ += static_cast<char>(rest.front() ^ (how.value == 0 ? 1 : how.value));
            rest.remove_prefix(1);
            ++passed_;
            break;
        case harm::cut:
            is_over_ = true;
            [[fallthrough]];
        case harm::stall:
            is_dead_ = true;
            break;
        case harm::inject:
            under_way_ += stray(how.value);
            break;
        case harm::fail:
            fail();
            break;
        }
    }
    [[nodiscard]] std::string stray(std::uint8_t which) const {
        using namespace std::string_literals;
        switch (which % 9) {
        case 0:
            return "\x15\x03\x03\0\x02\x01\0"s; // close_notify that nobody protected
        case 1:
            return "\x15\x03\x03\0\x02\x01\x5a"s; // a warning
        case 2:
            return "\x14\x03\x03\0\x01\x01"s; // change_cipher_spec
        case 3:
            return "\x17\x03\x03\0\0"s; // no data
        case 4:
            return "\x16\x03\x03\0\x04\0\0\0\0"s; // HelloRequest
        case 5:
            return "\x17\x03\x03\xff\xff"s; // a record that is too long
        case 6:
            return "\x80\x2e\x01\x03\x01\0\x15"s; // SSL 2
        case 7:
            return "HTTP/1.1 400 Bad Request\r\n\r\n"s;
        default:
            return last_; // what was there before, again
        }
    }

    std::string under_way_;
    std::string last_;
    std::optional<damage> harm_;
    std::size_t taken_ = 0; // of under_way_
    std::size_t passed_ = 0;
    bool is_over_ = false;
    bool is_dead_ = false; // takes bytes, delivers none
    bool has_failed_ = false;
    bool is_spoiled_ = false;
};

/// Counts what is lent. Outlives the streams, as a lender has to.
class ledger final : public net::chunk_lender {
public:
    net::chunk lend(std::string_view bytes) {
        char* const memory = new char[bytes.size() + net::chunk::padding];
        bytes.copy(memory, bytes.size());
        ++lent;
        return net::chunk(*this, memory, memory, bytes.size(), 0);
    }
    std::size_t lent = 0;

private:
    void give_back(char* memory, std::uint32_t) noexcept override {
        delete[] memory;
        --lent;
    }
};

/// One end of the connection below TLS. Time passes here only while nothing moves.
class link_end final : public net::stream {
public:
    link_end(ledger& lender, wire& in, wire& out, pieces read, pieces room, bool sends_later)
        : lender_(lender), in_(in), out_(out), read_(read), room_(room), sends_later_(sends_later) {}
    ~link_end() override { close(); }

    result<io_status> try_receive(net::chunk& out) override {
        out.release();
        if (is_closed_) return fault(errc::canceled, "closed");
        if (in_.size() == 0) {
            if (in_.has_failed()) return fault(errc::connect, "reset");
            return in_.is_over() ? io_status::end : io_status::would_block;
        }
        const std::size_t size = read_.next(in_.size());
        if (size == 0) return io_status::would_block;
        out = lender_.lend(in_.take(size));
        return io_status::ready;
    }
    wait_operation wait_readable(time_point) override {
        if (is_closed_) return wait_operation(wait_outcome::canceled);
        return wait_operation(in_.is_readable() ? wait_outcome::ready : pass_time());
    }
    result<bool> try_send(net::gather& parts) override {
        if (is_closed_) return fault(errc::canceled, "closed");
        if (is_broken_) return fault(errc::connect, "broken pipe");
        require(corked_ == nullptr || corked_ == &parts);
        require(!is_output_over_ || parts.empty());
        if (sends_later_ && corked_ == nullptr && !parts.empty()) {
            corked_ = &parts;
            return false;
        }
        corked_ = &parts;
        carry();
        return corked_ == nullptr;
    }
    wait_operation wait_writable(time_point) override {
        if (is_closed_) return wait_operation(wait_outcome::canceled);
        carry();
        return wait_operation(pass_time());
    }
    net::send_progress progress() const noexcept override { return {}; }
    void send_last(std::string_view bytes) noexcept override {
        require(corked_ == nullptr);                // half a record may be out
        require(!is_output_over_ || bytes.empty()); // that was the end
        if (!is_closed_ && !is_broken_) out_.send(bytes);
    }
    void end_output() noexcept override {
        if (is_closed_) return;
        is_output_over_ = true;
        out_.end();
    }
    void watch_end(net::end_watcher* who) override {
        watcher_ = who;
        is_asked_ = who != nullptr;
    }
    void close() noexcept override {
        if (std::exchange(is_closed_, true)) return;
        corked_ = nullptr;
        watcher_ = nullptr;
        out_.end();
        in_.abandon();
    }
    void reset() noexcept override {
        if (!is_closed_) out_.fail();
        close();
    }
    void park() noexcept override {}
    bool unpark() noexcept override { return !is_closed_ && !in_.is_readable(); }

    /// Takes of what try_send has left behind.
    void carry() {
        if (corked_ == nullptr) return;
        std::size_t size = 0;
        for (const std::string_view part : corked_->parts()) size += part.size();
        std::size_t left = room_.next(size);
        for (std::string_view& part : corked_->parts()) {
            const fuzz::exact_copy sent(part.substr(0, left));
            out_.send(sent.view());
            part.remove_prefix(sent.view().size());
            left -= sent.view().size();
        }
        if (corked_->empty()) corked_ = nullptr;
    }
    /// What the event loop does for who watches.
    void look_for_end() {
        while (watcher_ != nullptr && in_.is_readable()) {
            if (in_.size() == 0) return std::exchange(watcher_, nullptr)->peer_has_gone();
            if (!is_asked_) return;
            is_asked_ = watcher_->bytes_arrived();
        }
    }
    /// Sends fail from now on.
    void break_output() noexcept { is_broken_ = true; }
    [[nodiscard]] bool is_readable() const noexcept { return in_.is_readable(); }
    [[nodiscard]] bool is_emptied() const noexcept { return in_.size() == 0; }

private:
    wait_outcome pass_time() noexcept {
        if (std::exchange(in_.moved, false) || std::exchange(out_.moved, false)) idle_ = 0;
        return ++idle_ > deadline_after ? wait_outcome::timed_out : wait_outcome::ready;
    }

    ledger& lender_;
    wire& in_;
    wire& out_;
    pieces read_;
    pieces room_;
    net::gather* corked_ = nullptr;
    net::end_watcher* watcher_ = nullptr;
    std::size_t idle_ = 0;
    bool sends_later_;
    bool is_asked_ = false;
    bool is_output_over_ = false;
    bool is_closed_ = false;
    bool is_broken_ = false;
};

/// All that one side may ever send.
std::string_view plaintext_of(bool is_server) {
    static const auto make = [](std::size_t salt) {
        std::string text(most_plaintext, '\0');
        for (std::size_t at = 0; at < text.size(); ++at)
            text[at] = static_cast<char>(at * 167 + (at >> 8) * 13 + salt);
        return text;
    };
    static const std::array<std::string, 2> texts{make(0), make(101)};
    return texts[is_server ? 1 : 0];
}

/// One side of the connection, and what may be expected of it.
class side final : private net::end_watcher {
public:
    side(bool is_server, std::unique_ptr<net::tls_stream> tls, link_end& link)
        : is_server_(is_server), tls_(std::move(tls)), link_(&link) {}
    side(const side&) = delete;
    side& operator=(const side&) = delete;

    void begin_handshake(asio::io_context& context) {
        auto finish = [this](std::exception_ptr failure, const result<void>& done) {
            require(failure == nullptr);
            is_shaken_ = true;
            is_established_ = done.has_value();
            is_closed_ = !is_established_;
        };
        asio::co_spawn(context, tls_->handshake(time_point::max()), finish);
    }

    // Steps of a plan.
    void send(std::size_t size, bool in_parts) {
        if (!wake() || is_sending_ || is_output_over_ || offered_ + size > most_plaintext) return;
        message_.emplace(plaintext(size));
        const std::string_view all = message_->view();
        const std::size_t some = in_parts ? all.size() / 3 : all.size();
        sending_ = net::gather(all.substr(0, some), {}, all.substr(some, some),
                               all.substr(std::min(all.size(), 2 * some)));
        is_sending_ = true;
        go_on_sending();
    }
    void go_on_sending() {
        if (!is_sending_ || !wake()) return;
        const result<bool> sent = tls_->try_send(sending_);
        require(!sent || !(is_closed_ || send_failed_ || receive_failed_));
        if (!sent) {
            send_failed_ = true;
            is_sending_ = false;
        } else if (*sent) {
            require(sending_.empty());
            is_sending_ = false;
        }
    }
    void send_last(std::size_t size) {
        if (!wake() || is_output_over_ || offered_ + size > most_plaintext) return;
        const fuzz::exact_copy last(plaintext(can_say_more() ? size : 0));
        tls_->send_last(last.view());
    }
    io_status receive(const side& from) {
        if (!wake()) return io_status::would_block;
        require(held_.bytes() == held_copy_); // nobody writes into what is lent
        const result<io_status> status = tls_->try_receive(held_);
        held_copy_.assign(held_.bytes());
        require((status && *status == io_status::ready) != held_.empty());
        if (receive_failed_ || is_closed_) {
            require(!status);
        } else if (has_ended_) {
            require(status && *status == io_status::end);
        } else if (!status) {
            receive_failed_ = true;
            net::gather nothing;
            require(!tls_->try_send(nothing));
        } else if (*status == io_status::end) {
            require(from.has_said_goodbye_ && received_ == from.offered_);
            has_ended_ = true;
        }
        require(received_ + held_copy_.size() <= from.offered_);
        require(plaintext_of(!is_server_).substr(received_, held_copy_.size()) == held_copy_);
        received_ += held_copy_.size();
        return status ? *status : io_status::end;
    }
    void receive_all(const side& from) {
        for (std::size_t count = 0;; ++count) {
            require(count < patience);
            const io_status status = receive(from);
            if (status == io_status::end) return;
            if (status == io_status::would_block && (is_closed_ || link_->is_emptied())) return;
        }
    }
    void end_output() {
        if (!wake() || is_sending_ || is_output_over_) return;
        has_said_goodbye_ = can_say_more();
        is_output_over_ = true;
        tls_->end_output();
    }
    void close() {
        if (is_closed_) return;
        has_said_goodbye_ = has_said_goodbye_ || can_say_more();
        is_closed_ = true;
        tls_->close();
        require_closed();
    }
    void reset() {
        if (is_closed_) return;
        is_closed_ = true;
        is_goodbye_lost_ = true; // unless it has been read
        tls_->reset();
        require_closed();
    }
    void park_or_unpark() {
        const bool is_at_rest = !is_sending_ && !send_failed_ && !receive_failed_; // nobody keeps a dead one
        if (is_parked_ || is_closed_ || !is_at_rest) return static_cast<void>(wake());
        is_parked_ = true;
        tls_->park();
    }
    void watch() {
        if (!wake()) return;
        is_watching_ = true;
        tls_->watch_end(this);
    }
    void unwatch() {
        if (is_closed_) return;
        is_watching_ = false;
        tls_->watch_end(nullptr);
    }
    void look_for_end() {
        if (!is_closed_ && !is_parked_) link_->look_for_end();
    }
    void carry() {
        if (!is_closed_) link_->carry();
    }
    void break_output() {
        if (is_closed_) return;
        is_broken_ = true;
        link_->break_output();
    }

    [[nodiscard]] bool is_shaken() const noexcept { return is_shaken_; }
    [[nodiscard]] bool is_established() const noexcept { return is_established_; }
    [[nodiscard]] bool is_sending() const noexcept { return is_sending_; }
    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    /// Whether the peer must come to know of an end in order.
    [[nodiscard]] bool has_sent_goodbye() const noexcept { return has_said_goodbye_ && !is_goodbye_lost_; }
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    [[nodiscard]] net::tls_stream& tls() noexcept { return *tls_; }
    /// A step that is refused, in every way.
    void require_closed() {
        net::chunk none;
        const auto received = tls_->try_receive(none);
        net::gather nothing;
        const auto sent = tls_->try_send(nothing);
        require(!received && received.error().code() == errc::canceled && none.empty());
        require(!sent && sent.error().code() == errc::canceled);
        require(!tls_->unpark());
        is_sending_ = false;
    }
    /// Gives the plaintext back that is still held.
    void let_go() noexcept {
        require(held_.bytes() == held_copy_);
        held_.release();
        held_copy_.clear();
    }

private:
    // Unparks. False: it is no use any more.
    bool wake() {
        if (is_parked_ && !is_closed_) {
            is_parked_ = false;
            if (tls_->unpark()) require(!link_->is_readable() && !has_ended_);
        }
        return !is_closed_;
    }
    std::string_view plaintext(std::size_t size) {
        const std::size_t begin = offered_;
        offered_ += size;
        return plaintext_of(is_server_).substr(begin, size);
    }
    [[nodiscard]] bool can_say_more() const noexcept {
        return !is_sending_ && !send_failed_ && !receive_failed_ && !is_broken_ && !is_output_over_;
    }
    void peer_has_gone() noexcept override { require(std::exchange(is_watching_, false)); }

    bool is_server_;
    std::unique_ptr<net::tls_stream> tls_;
    link_end* link_; // of tls_
    std::optional<fuzz::exact_copy> message_;
    net::gather sending_;
    net::chunk held_;
    std::string held_copy_;
    std::size_t offered_ = 0;
    std::size_t received_ = 0;
    bool is_shaken_ = false;
    bool is_established_ = false;
    bool is_sending_ = false;
    bool is_parked_ = false;
    bool is_watching_ = false;
    bool is_output_over_ = false;
    bool is_broken_ = false;
    bool has_ended_ = false;
    bool has_said_goodbye_ = false;
    bool is_goodbye_lost_ = false;
    bool send_failed_ = false;
    bool receive_failed_ = false;
    bool is_closed_ = false;
};

/// Who meets whom.
struct meeting {
    enum class kind : std::uint8_t { plain, mutual, nameless, distrustful };
    kind which = kind::plain;
    bool is_old = false; // TLS 1.2
    bool resumes = false;

    [[nodiscard]] bool demands() const noexcept { return which == kind::mutual || which == kind::nameless; }
    [[nodiscard]] bool succeeds() const noexcept { return which == kind::plain || which == kind::mutual; }
};

/// The sides' connections as OpenSSL knows them: keys are updated behind tls_stream's back.
std::array<SSL*, 2> natives{};

/// Made once: contexts, and a session to resume for each of the servers.
class parties {
public:
    parties();
    parties(const parties&) = delete;
    parties& operator=(const parties&) = delete;
    ~parties() {
        for (SSL_SESSION* const session : sessions_) SSL_SESSION_free(session);
    }

    std::shared_ptr<net::tls_server_context> server(const meeting& how) const { return servers_[index(how)]; }
    std::shared_ptr<net::tls_context> client(const meeting& how) const {
        using kind = meeting::kind;
        if (how.which == kind::distrustful) return distrustful_;
        return how.which == kind::nameless ? nameless_ : named_;
    }
    [[nodiscard]] const net::origin& place() const noexcept { return place_; }
    void offer_session(const meeting& how) {
        // A copy: a connection that fails spoils its session.
        named_->keep_session(to_string(place_), SSL_SESSION_dup(sessions_[index(how)]));
    }
    /// So that runs are alike.
    void forget_session() {
        meeting modern; // its sessions are for one use
        offer_session(modern);
        SSL_SESSION_free(take_session());
    }

private:
    SSL_SESSION* take_session() {
        SSL* const heir = SSL_new(named_->native());
        named_->offer_session(to_string(place_), heir);
        SSL_SESSION* const session = SSL_get1_session(heir);
        SSL_free(heir);
        require(session != nullptr);
        return session;
    }
    static std::size_t index(const meeting& how) noexcept {
        return (how.is_old ? 1U : 0U) + (how.demands() ? 2U : 0U);
    }

    std::array<std::shared_ptr<net::tls_server_context>, 4> servers_;
    std::shared_ptr<net::tls_context> named_;
    std::shared_ptr<net::tls_context> nameless_;
    std::shared_ptr<net::tls_context> distrustful_;
    std::array<SSL_SESSION*, 4> sessions_{};
    net::origin place_{true, "server.test", 443};
};

/// Both sides and what joins them.
class connection {
public:
    connection(parties& all, const meeting& how, plan& from, bool sends_later, bool is_crowded)
        : pool_(net::buffer_pool::make(4)) {
        if (is_crowded) // then OpenSSL's buffers are given back whenever they are empty
            for (int i = 0; i < 300; ++i) crowd_.push_back(pool_->share());
        const pieces to_server(from);
        const pieces to_client(from);
        const pieces room_of_client(from);
        const pieces room_of_server(from);
        auto near = std::make_unique<link_end>(lender_, up_or_down_[1], up_or_down_[0], to_client,
                                               room_of_client, sends_later);
        auto far = std::make_unique<link_end>(lender_, up_or_down_[0], up_or_down_[1], to_server,
                                              room_of_server, sends_later);
        link_end& near_link = *near;
        link_end& far_link = *far;
        auto client =
            std::make_unique<net::tls_stream>(std::move(near), *pool_, all.client(how), all.place());
        auto server = std::make_unique<net::tls_stream>(std::move(far), *pool_, all.server(how), "client");
        client_.emplace(false, std::move(client), near_link);
        server_.emplace(true, std::move(server), far_link);
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() {
        client_->let_go();
        server_->let_go();
        client_.reset();
        server_.reset();
        crowd_.clear();
        require(lender_.lent == 0 && pool_->lent() == 0 && pool_->handles() == 1);
    }

    void shake_hands() {
        asio::io_context context{1};
        client_->begin_handshake(context);
        server_->begin_handshake(context);
        for (std::size_t turn = 0; context.poll_one() != 0; ++turn) require(turn < patience);
        require(client_->is_shaken() && server_->is_shaken());
        for (side* const each : {&*client_, &*server_})
            if (!each->is_established()) each->require_closed();
    }
    /// Until nothing is under way any more.
    void settle() {
        for (side* const each : {&*client_, &*server_}) {
            std::size_t count = 0;
            for (; each->is_sending(); each->go_on_sending()) require(++count < patience);
        }
        client_->receive_all(*server_);
        server_->receive_all(*client_);
    }
    /// `first` says that it has no more to send, the other one reads that and closes.
    void finish(bool server_first, bool closes) {
        settle();
        side& first = of(server_first);
        side& last = of(!server_first);
        if (closes)
            first.close();
        else
            first.end_output();
        settle();
        require_end(!server_first);
        last.close();
        settle();
        require_end(server_first);
    }

    [[nodiscard]] side& of(bool is_server) noexcept { return is_server ? *server_ : *client_; }
    /// The bytes that this side sends.
    [[nodiscard]] wire& sent_by(bool is_server) noexcept { return up_or_down_[is_server ? 1 : 0]; }
    [[nodiscard]] bool is_spoiled() const noexcept {
        return up_or_down_[0].is_spoiled() || up_or_down_[1].is_spoiled();
    }

private:
    // What has been said in order, and not been spoiled, has been heard. A sender that could not read may
    // have said something else.
    void require_end(bool of_server) {
        const bool is_heard =
            of(!of_server).has_sent_goodbye() && !is_spoiled() && !of(of_server).is_closed();
        require(!is_heard || of(of_server).has_ended());
    }

    ledger lender_;
    std::array<wire, 2> up_or_down_; // by who sends: client, server
    net::buffer_pool::handle pool_;
    std::vector<net::buffer_pool::handle> crowd_;
    std::optional<side> client_;
    std::optional<side> server_;
};

void remember_native(const SSL* native, int, int) {
    natives[SSL_is_server(native) != 0 ? 1 : 0] = const_cast<SSL*>(native);
}

parties::parties() {
    const support::identity authority("fuzz authority", nullptr, nullptr);
    const support::identity server("server", "DNS:server.test", &authority);
    const support::identity client("client", nullptr, &authority);

    net::tls_server_settings serving;
    serving.certificate_pem = server.pem();
    serving.key_pem = server.key_pem();
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        serving.client_ca_pem = (i & 2) != 0 ? authority.pem() : "";
        servers_[i] = net::tls_server_context::create(serving).value();
        SSL_CTX* const native = servers_[i]->native();
        if ((i & 1) != 0) SSL_CTX_set_max_proto_version(native, TLS1_2_VERSION);
        SSL_CTX_set_timeout(native, 7L * 24 * 3600); // longer than anybody fuzzes
        SSL_CTX_set_info_callback(native, &remember_native);
    }
    net::tls_settings asking;
    distrustful_ = net::tls_context::create(asking).value();
    asking.ca_pem = authority.pem();
    nameless_ = net::tls_context::create(asking).value();
    asking.certificate_pem = client.pem();
    asking.key_pem = client.key_pem();
    named_ = net::tls_context::create(asking).value();
    for (const auto& each : {distrustful_, nameless_, named_})
        SSL_CTX_set_info_callback(each->native(), &remember_native);

    for (std::size_t i = 0; i < sessions_.size(); ++i) {
        meeting how;
        how.is_old = (i & 1) != 0;
        how.which = (i & 2) != 0 ? meeting::kind::mutual : meeting::kind::plain;
        plan quiet(nullptr, 0);
        connection once(*this, how, quiet, false, false);
        once.shake_hands();
        once.finish(false, false);
        sessions_[i] = take_session();
        forget_session(); // an old one is not used up
    }
}

std::size_t message_size(std::uint8_t code) noexcept {
    constexpr std::uint8_t small = 128;
    return code < small ? code : std::size_t{600} * (code - small + 1U);
}

void follow(plan& from, connection& joined, unsigned& key_updates) {
    const std::uint8_t what = from.next();
    const bool is_server = (what & 0x10) != 0;
    side& one = joined.of(is_server);
    side& other = joined.of(!is_server);
    switch (what & 0x0f) {
    case 0:
        return one.send(message_size(from.next()), false);
    case 1:
        return one.send(message_size(from.next()), true);
    case 2:
        for (int count = from.next() % 16; count >= 0; --count) static_cast<void>(one.receive(other));
        return;
    case 3:
        return one.receive_all(other);
    case 4:
        return one.end_output();
    case 5:
        return one.close();
    case 6:
        return one.reset();
    case 7:
        return one.send_last(message_size(from.next()));
    case 8:
        return one.park_or_unpark();
    case 9:
        return one.watch();
    case 10:
        return one.unwatch();
    case 11:
        return one.look_for_end();
    case 12:
        return joined.sent_by(is_server).spoil(damage(from));
    case 13:
        return one.break_output();
    case 14:
        if (one.is_closed() || one.is_sending() || ++key_updates > most_key_updates) return;
        if (SSL* const native = natives[is_server ? 1 : 0];
            SSL_key_update(native, SSL_KEY_UPDATE_REQUESTED) == 1) // TLS 1.2 refuses
            SSL_do_handshake(native);                              // goes out with the next send
        return;
    default:
        one.carry();
        return one.go_on_sending();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static parties all;
    plan from(data, size);
    const std::uint8_t settings = from.next();
    meeting how;
    how.which = static_cast<meeting::kind>(settings & 3);
    how.is_old = (settings & 4) != 0;
    how.resumes = (settings & 8) != 0 && how.succeeds();
    const bool sends_later = (settings & 0x10) != 0;
    const bool is_crowded = (settings & 0x20) != 0;
    const bool server_ends_first = (settings & 0x40) != 0;
    const bool closes = (settings & 0x80) != 0;

    if (how.resumes) all.offer_session(how);
    connection joined(all, how, from, sends_later, is_crowded);
    const bool spoils_server = (from.next() & 1) != 0;
    joined.sent_by(spoils_server).spoil(damage(from));
    joined.shake_hands();

    side& client = joined.of(false);
    side& server = joined.of(true);
    if (!how.succeeds()) {
        require(!server.is_established());
    } else if (!joined.is_spoiled()) {
        for (side* const each : {&client, &server})
            require(each->is_established() && each->tls().resumed() == how.resumes &&
                    each->tls().alpn() == "http/1.1" &&
                    each->tls().protocol() == (how.is_old ? "TLSv1.2" : "TLSv1.3"));
    }
    if (how.which == meeting::kind::distrustful) require(!client.is_established());
    unsigned key_updates = 0;
    for (unsigned steps = 0; steps < 200 && !from.is_over(); ++steps) follow(from, joined, key_updates);
    joined.finish(server_ends_first, closes);
    all.forget_session();
    return 0;
}
