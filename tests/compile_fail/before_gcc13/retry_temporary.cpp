// A lambda with captures written inside the awaited call: g++ before 13 would destroy what it captures twice.
// expect: deleted function
#include <modelmesh/connector/with_retry.hpp>

#include <memory>

using modelmesh::result;
using modelmesh::task;

task<result<int>> fetch(std::shared_ptr<int> key) { co_return *key; }

task<void> ask(modelmesh::rng& random) {
    const auto key = std::make_shared<int>(1);
    const auto forever = modelmesh::time_point::max();
    const modelmesh::connector::retry_rule rule(2);
#ifdef MUST_FAIL
    (void)co_await modelmesh::connector::with_retry<int>([key] { return fetch(key); }, rule, forever, random);
#else
    auto attempt = [key] { return fetch(key); };
    (void)co_await modelmesh::connector::with_retry<int>(attempt, rule, forever, random);
#endif
}
