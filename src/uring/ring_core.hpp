// One io_uring: set-up and probing, the operations that streams and acceptors need, cancellation, reaping.
//
// Knows nothing of event loops or coroutines: whoever drives it submits, waits for its descriptor or in the
// kernel, and reaps. The only code that includes <liburing.h> is in this folder.
#pragma once

#include "uring/provided_buffers.hpp"

#include <modelmesh/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

struct io_uring;
struct io_uring_sqe;

namespace modelmesh::uring {

/// What the kernel says about one operation.
struct completion {
    static constexpr std::int32_t no_buffer = -1;
    std::int32_t result = 0;         ///< as of the system call: a size, 0 at the end, or -errno
    std::int32_t buffer = no_buffer; ///< index of the provided buffer that holds the bytes
    bool more = false;               ///< further completions of this operation will follow
};

/// The kernel's handle on one of our objects. The object must live until the completion without `more` has
/// been delivered: in_flight() tells. Reused for one operation after the other, never for two at a time.
class operation {
public:
    [[nodiscard]] bool in_flight() const noexcept { return in_flight_; }

protected:
    operation() = default;
    virtual ~operation() = default;
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;

private:
    friend class ring_core;
    /// Called from reap(), never from a call that starts or cancels. May start operations; may destroy this
    /// object if `done.more` is false.
    virtual void completed(const completion& done) noexcept = 0;
    io_uring_sqe* sqe_ = nullptr; // valid until it is submitted
    std::uint64_t ticket_ = 0;    // its number among the submissions
    bool in_flight_ = false;
    bool cancelling_ = false;
    bool withdrawn_ = false; // the kernel never learned of it
};

class ring_core {
public:
    struct counters {
        std::uint64_t enters = 0; ///< io_uring_enter calls
        std::uint64_t completions = 0;
        std::uint64_t cancels = 0;
    };

    /// Sets up a ring and proves that what streams need works here: the operations, registered buffers,
    /// multishot receive (which the kernel has no query for, so one is tried on a socket pair). Errors:
    /// config, with the reason ("io_uring_setup: Operation not permitted").
    static result<std::unique_ptr<ring_core>> create(std::uint32_t entries, provided_buffers& buffers);

    /// Drains: see there.
    ~ring_core();
    ring_core(const ring_core&) = delete;
    ring_core& operator=(const ring_core&) = delete;

    /// Readable when completions wait.
    [[nodiscard]] int descriptor() const noexcept;

    // Starting and cancelling only queue; the kernel learns of it at submit().
    void receive_multishot(operation& op, int socket);
    /// The result of each completion is a connected socket, non-blocking and closed on exec.
    void accept_multishot(operation& op, int socket);
    void poll_once(operation& op, int socket, unsigned events);
    /// The operation still completes (with -ECANCELED, or with what it was doing if it won the race); the
    /// cancel request's own completion is swallowed here. Nothing happens if it is not in flight or already
    /// cancelled. What was not submitted yet never will be: its descriptor may be closed at once, and another
    /// socket have its number by then.
    void cancel(operation& op);

    [[nodiscard]] bool has_unsubmitted() const noexcept;
    /// One system call if anything is queued, else none.
    void submit() noexcept;
    /// Delivers what has completed; enters the kernel only if it says that it holds completions back.
    std::size_t reap() noexcept;

    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }
    /// Cancels everything in flight and waits for it, a bounded time.
    /// False: the kernel still holds operations and buffers; then both must be leaked, not freed.
    [[nodiscard]] bool drain() noexcept;
    [[nodiscard]] const counters& count() const noexcept { return counters_; }

private:
    ring_core();
    result<void> open(std::uint32_t entries, provided_buffers& buffers);
    result<void> probe(provided_buffers& buffers);
    void unmap() noexcept;
    /// False: nothing completed for a while.
    bool wait_and_reap() noexcept;
    io_uring_sqe* prepare();
    void begin(operation& op, io_uring_sqe* sqe) noexcept;
    [[nodiscard]] bool is_unsubmitted(const operation& op) const noexcept;

    struct trial;
    std::unique_ptr<io_uring> ring_;
    std::unique_ptr<trial> trial_;
    bool open_ = false;
    std::size_t in_flight_ = 0;
    std::uint64_t prepared_ = 0; // submissions, sent or not
    counters counters_;
};

} // namespace modelmesh::uring
