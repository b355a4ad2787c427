// What a TCP stream does alike on the ring and on the reactor: sending, waiting, closing, naming its peer in
// faults.
#pragma once

#include "net/engine.hpp"
#include "net/stream.hpp"
#include "net/waiter.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace modelmesh::net {

/// A fault of a connection: "<verb> <peer>: <reason>", reason as the system words it.
[[nodiscard]] fault system_fault(std::string_view verb, std::string_view peer, int error);
/// A fault of a wait that ended without its event.
[[nodiscard]] fault wait_fault(std::string_view verb, std::string_view peer, wait_outcome outcome);

/// Sends go straight to the socket, those of one turn together at its end, and wait only when it is full. An
/// asynchronous send in the ring was measured to be no cheaper (5.5 against 5.0 us), and would let the kernel
/// read memory that its owner may free when the waiting coroutine is cancelled or destroyed.
class socket_stream : public stream, public engine_part, private waiter::owner, private corked_send {
public:
    /// Told once, from the event loop, when the socket becomes writable or fails.
    class writable_hook {
    public:
        virtual void writable() noexcept = 0;

    protected:
        ~writable_hook() = default;
    };

    ~socket_stream() override;

    [[nodiscard]] wait_operation wait_readable(time_point deadline) final;
    result<bool> try_send(gather& parts) final;
    [[nodiscard]] wait_operation wait_writable(time_point deadline) final;
    [[nodiscard]] send_progress progress() const noexcept final;
    void end_output() noexcept final;
    void watch_end(end_watcher* who) final;
    void send_last(std::string_view bytes) noexcept final;
    void close() noexcept final;
    void reset() noexcept final;

    /// For a socket that is still connecting. The hook must stay until it is called or the stream is gone.
    void when_writable(writable_hook& hook);
    [[nodiscard]] int descriptor() const noexcept { return socket_; }
    [[nodiscard]] const std::string& peer() const noexcept { return life_->peer; }
    /// Closes, and answers canceled from now on.
    void leave_engine() noexcept final;

protected:
    socket_stream(engine& io, int socket, std::string peer);

    /// Null after the event loop's end.
    [[nodiscard]] engine* io() const noexcept { return engine_; }
    [[nodiscard]] bool is_open() const noexcept { return socket_ >= 0; }
    [[nodiscard]] bool reader_waits() const noexcept { return reader_.pending(); }
    [[nodiscard]] bool writer_waits() const noexcept { return writer_.pending() || hook_ != nullptr; }
    [[nodiscard]] bool end_is_watched() const noexcept { return watcher_ != nullptr; }
    void notify_readable() noexcept { reader_.complete(wait_outcome::ready); }
    void notify_end() noexcept;
    [[nodiscard]] bool may_watch_on() noexcept { return watcher_->bytes_arrived(); }
    /// From inside a call of the owner.
    void notify_end_later();
    void notify_writable() noexcept;
    [[nodiscard]] fault receive_fault(int error) const { return system_fault("receive from", peer(), error); }
    [[nodiscard]] fault closed_fault() const {
        return wait_fault("receive from", peer(), wait_outcome::canceled);
    }
    /// One recv without waiting; -errno on failure.
    long receive_now(char* memory, std::size_t size) noexcept;
    /// True when the peer has sent nothing and not closed.
    [[nodiscard]] bool peer_is_silent() const noexcept;
    /// True when nothing but the end, or a failure, is left to receive.
    [[nodiscard]] bool has_ended() const noexcept;

private:
    /// try_receive would not answer would_block.
    [[nodiscard]] virtual bool readable() const noexcept = 0;
    /// Sees to it that notify_readable / notify_writable will be called. Called again while already wanted.
    virtual void want_readable() = 0;
    virtual void want_writable() = 0;
    /// Sees to it that notify_end will be called. Called again while already wanted.
    virtual void want_end() = 0;
    /// Nobody waits any more.
    virtual void forget_readable() noexcept = 0;
    virtual void forget_writable() noexcept = 0;
    /// Lets go of the socket, which is about to be closed, and of received buffers.
    virtual void detach() noexcept = 0;

    void gave_up(waiter& which, wait_outcome why) noexcept final;
    void uncork() final;
    /// True: all is sent. False: the socket is full, or has failed.
    bool send_now(gather& parts) noexcept;

    // Shared with handlers of the event loop, which must not touch a stream that was destroyed meanwhile.
    struct life {
        std::string peer;
        bool over = false; // closed or destroyed
    };
    engine* engine_;
    int socket_;
    std::uint64_t sent_ = 0;   // bytes that the kernel has taken
    int send_error_ = 0;       // why a send failed, maybe half way
    bool may_wait_on_ = false; // it did because its wait timed out, and is not given up yet
    gather* corked_ = nullptr; // what a send was told to wait with
    std::shared_ptr<life> life_;
    waiter reader_;
    waiter writer_;
    writable_hook* hook_ = nullptr;
    end_watcher* watcher_ = nullptr;
};

} // namespace modelmesh::net
