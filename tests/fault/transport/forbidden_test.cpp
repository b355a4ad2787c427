// The ring is forbidden by a seccomp filter, as in a container with Docker's default profile: the fallback
// must work, and a demand for the ring must be refused in words. A program of its own: the filter cannot be
// taken off again.
#include "../../wire/transport/loopback.hpp"

#include <gmock/gmock.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace modelmesh::net::testing {
namespace {

class ForbiddenRing : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        std::array<sock_filter, 4> program{{
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        }};
        const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
        ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
    }
    void TearDown() override { ::unsetenv("MODELMESH_IO"); }
};

TEST_F(ForbiddenRing, AutoFallsBackAndWorks) {
    ::setenv("MODELMESH_IO", "auto", 1);
    asio::io_context probe{1};
    EXPECT_EQ(engine::of(probe).name(), "epoll");

    loop on(engine_kind::automatic);
    EXPECT_EQ(on.io->name(), "epoll");
    EXPECT_EQ(on.io->fallback_reason(), "io_uring_setup: Operation not permitted");
    auto [ours, peer] = on.pair();
    peer.send("works");
    EXPECT_EQ(on.run(read(*ours, 5, late())).value(), "works");
}

TEST_F(ForbiddenRing, DemandIsRefusedWithTheReason) {
    ::setenv("MODELMESH_IO", "uring", 1);
    asio::io_context context{1};
    try {
        engine::of(context);
        FAIL() << "accepted";
    } catch (const error& e) {
        EXPECT_EQ(e.info().kind(), errc::config);
        EXPECT_EQ(e.info().message,
                  "io_uring was asked for and is not available: io_uring_setup: Operation not permitted");
    }
    asio::io_context other{1};
    EXPECT_FALSE(engine::create(other, engine_settings(engine_kind::uring)));
    EXPECT_TRUE(engine::create(other, engine_settings(engine_kind::epoll)));
}

} // namespace
} // namespace modelmesh::net::testing
