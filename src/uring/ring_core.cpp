// The ring. See ring_core.hpp for the contract.
#include "uring/ring_core.hpp"

#include <liburing.h>

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

namespace modelmesh::uring {
namespace {

constexpr int buffer_group = 0;
// What the destructor grants the kernel to give everything back. Normally microseconds; a thread that started
// operations and now never enters the kernel needs a tick of its timer.
constexpr std::chrono::seconds drain_limit(2);
constexpr std::chrono::milliseconds drain_round(100);

fault unavailable(std::string_view step, int error) {
    std::string text(step);
    text += ": ";
    text += std::generic_category().message(error);
    return {errc::config, std::move(text)};
}

} // namespace

// The receive that shows whether multishot works. A member, because it must outlive its completion.
struct ring_core::trial final : operation {
    completion first;
    bool seen = false;
    void completed(const completion& done) noexcept override {
        if (!std::exchange(seen, true)) first = done;
    }
};

ring_core::ring_core() : ring_(std::make_unique<io_uring>()) {}

result<std::unique_ptr<ring_core>> ring_core::create(std::uint32_t entries, provided_buffers& buffers) {
    std::unique_ptr<ring_core> ring(new ring_core);
    if (auto r = ring->open(entries, buffers); !r) return r.error();
    if (auto r = ring->probe(buffers); !r) return r.error();
    return ring;
}

result<void> ring_core::open(std::uint32_t entries, provided_buffers& buffers) {
    io_uring_params params{};
    // Not DEFER_TASKRUN: a deferred ring whose descriptor is watched by epoll never becomes readable. Not
    // SINGLE_ISSUER: an io_context may be set up on one thread and run on another.
    params.flags =
        IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    params.cq_entries = entries * 8; // a multishot receive completes many times for one submission
    if (const int r = io_uring_queue_init_params(entries, ring_.get(), &params); r < 0)
        return unavailable("io_uring_setup", -r);
    open_ = true;
    io_uring_ring_dontfork(ring_.get());
    if ((params.features & IORING_FEAT_NODROP) == 0) return unavailable("io_uring without NODROP", ENOSYS);

    io_uring_probe* const probe = io_uring_get_probe_ring(ring_.get());
    if (probe == nullptr) return unavailable("io_uring probe", ENOSYS);
    bool all = true;
    for (const int opcode : {IORING_OP_RECV, IORING_OP_ACCEPT, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL})
        all = all && io_uring_opcode_supported(probe, opcode) != 0;
    io_uring_free_probe(probe);
    if (!all) return unavailable("io_uring operations", ENOSYS);

    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffers.entries());
    registration.ring_entries = buffers.count();
    registration.bgid = buffer_group;
    if (const int r = io_uring_register_buf_ring(ring_.get(), &registration, 0); r < 0)
        return unavailable("io_uring buffer ring", -r);
    return {};
}

result<void> ring_core::probe(provided_buffers& buffers) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
        return unavailable("socketpair", errno);
    trial_ = std::make_unique<trial>();
    receive_multishot(*trial_, pair[0]);
    submit();
    const char byte = 'x';
    const bool sent = ::send(pair[1], &byte, 1, MSG_NOSIGNAL) == 1;
    ::close(pair[1]); // the end of the stream ends the multishot receive
    const auto give_up = std::chrono::steady_clock::now() + drain_limit;
    while (in_flight_ != 0 && std::chrono::steady_clock::now() < give_up) wait_and_reap();
    ::close(pair[0]);
    const completion& first = trial_->first;
    if (first.buffer != completion::no_buffer) buffers.provide(static_cast<std::uint16_t>(first.buffer));
    counters_ = {};
    if (!sent || in_flight_ != 0) return unavailable("io_uring multishot receive", EIO);
    if (first.result < 0) return unavailable("io_uring multishot receive", -first.result);
    if (first.result != 1 || first.buffer == completion::no_buffer || !first.more)
        return unavailable("io_uring multishot receive", ENOSYS);
    return {};
}

ring_core::~ring_core() {
    if (!open_) return;
    static_cast<void>(drain());
    unmap();
}

// As io_uring_queue_exit does, but through the C library: liburing makes the system calls itself, so that a
// sanitizer would take the next ring at the same address for this one. The kernel's references to what is in
// flight outlive the descriptor; after drain() there is nothing in flight, or its buffers are leaked.
void ring_core::unmap() noexcept {
    io_uring_sq& submissions = ring_->sq;
    io_uring_cq& completions = ring_->cq;
    ::munmap(submissions.sqes, submissions.ring_entries * sizeof(io_uring_sqe));
    ::munmap(submissions.ring_ptr, submissions.ring_sz);
    if (completions.ring_ptr != nullptr && completions.ring_ptr != submissions.ring_ptr)
        ::munmap(completions.ring_ptr, completions.ring_sz);
    ::close(ring_->ring_fd);
}

bool ring_core::drain() noexcept {
    // Closing the descriptor alone would leave the kernel writing into buffers that are about to be freed: it
    // cancels behind our back, later.
    const auto give_up = std::chrono::steady_clock::now() + drain_limit;
    while (in_flight_ != 0 && std::chrono::steady_clock::now() < give_up) {
        io_uring_sqe* const sqe = prepare();
        io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY);
        io_uring_sqe_set_data64(sqe, 0);
        submit();
        // The request itself completes at once. What it cancels completes on the thread that started it or,
        // when that has ended, on one of the kernel's: later.
        while (in_flight_ != 0 && std::chrono::steady_clock::now() < give_up && wait_and_reap()) continue;
    }
    return in_flight_ == 0;
}

bool ring_core::wait_and_reap() noexcept {
    __kernel_timespec limit{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(drain_round).count()};
    io_uring_cqe* cqe = nullptr;
    const int r = io_uring_wait_cqe_timeout(ring_.get(), &cqe, &limit);
    reap();
    return r == 0 || r == -EINTR;
}

int ring_core::descriptor() const noexcept { return ring_->ring_fd; }

io_uring_sqe* ring_core::prepare() {
    io_uring_sqe* sqe = io_uring_get_sqe(ring_.get());
    while (sqe == nullptr) { // the submission queue is full: this turn needs one more enter
        submit();
        sqe = io_uring_get_sqe(ring_.get());
        if (sqe == nullptr) reap(); // refused because the completion side is full
    }
    ++prepared_;
    return sqe;
}

void ring_core::begin(operation& op, io_uring_sqe* sqe) noexcept {
    assert(!op.in_flight_);
    op.in_flight_ = true;
    op.cancelling_ = false;
    op.withdrawn_ = false;
    op.sqe_ = sqe;
    op.ticket_ = prepared_;
    ++in_flight_;
    io_uring_sqe_set_data(sqe, &op);
}

void ring_core::receive_multishot(operation& op, int socket) {
    io_uring_sqe* const sqe = prepare();
    io_uring_prep_recv_multishot(sqe, socket, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = buffer_group;
    begin(op, sqe);
}

void ring_core::accept_multishot(operation& op, int socket) {
    io_uring_sqe* const sqe = prepare();
    io_uring_prep_multishot_accept(sqe, socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    begin(op, sqe);
}

void ring_core::poll_once(operation& op, int socket, unsigned events) {
    io_uring_sqe* const sqe = prepare();
    io_uring_prep_poll_add(sqe, socket, events);
    begin(op, sqe);
}

void ring_core::cancel(operation& op) {
    if (!op.in_flight_ || std::exchange(op.cancelling_, true)) return;
    if (is_unsubmitted(op)) {
        io_uring_prep_nop(op.sqe_);
        io_uring_sqe_set_data(op.sqe_, &op);
        op.withdrawn_ = true;
        return;
    }
    io_uring_sqe* const sqe = prepare();
    io_uring_prep_cancel(sqe, &op, 0);
    io_uring_sqe_set_data64(sqe, 0); // nobody waits for the cancel request itself
    ++counters_.cancels;
}

bool ring_core::is_unsubmitted(const operation& op) const noexcept {
    return prepared_ - op.ticket_ < io_uring_sq_ready(ring_.get());
}

bool ring_core::has_unsubmitted() const noexcept { return io_uring_sq_ready(ring_.get()) != 0; }

void ring_core::submit() noexcept {
    while (has_unsubmitted()) {
        ++counters_.enters;
        const int r = io_uring_submit(ring_.get());
        // EBUSY and EAGAIN: the completion side is full; room comes from reaping, which the next turn does.
        if (r < 0 && r != -EINTR) return;
    }
}

std::size_t ring_core::reap() noexcept {
    std::size_t delivered = 0;
    io_uring_cqe* cqe = nullptr;
    // Peeking enters the kernel by itself when it reports completions held back (task work, overflow).
    while (io_uring_peek_cqe(ring_.get(), &cqe) == 0 && cqe != nullptr) {
        auto* const op = static_cast<operation*>(io_uring_cqe_get_data(cqe));
        completion done;
        done.result = cqe->res;
        done.more = (cqe->flags & IORING_CQE_F_MORE) != 0;
        if ((cqe->flags & IORING_CQE_F_BUFFER) != 0)
            done.buffer = static_cast<std::int32_t>(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        io_uring_cqe_seen(ring_.get(), cqe); // before the callback: it may reap, too
        ++counters_.completions;
        if (op == nullptr) continue;
        ++delivered;
        if (op->withdrawn_) done.result = -ECANCELED;
        if (!done.more) {
            op->in_flight_ = false;
            --in_flight_;
        }
        op->completed(done); // last: it may destroy the operation
    }
    return delivered;
}

} // namespace modelmesh::uring
