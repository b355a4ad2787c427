#include "client/event_outlet.hpp"

#include "support/event_list.hpp"

#include <gmock/gmock.h>

#include <array>
#include <string>

namespace modelmesh::detail {
namespace {

using ::testing::ElementsAre;

TEST(EventOutlet, HidesWhatLooksLikeASecretFromTheBeginning) {
    const event_outlet outlet(nullptr);
    std::string text = "a key: sk-proj-0123456789abcdefghijklmnop";
    outlet.secrets()->redact(text);
    EXPECT_EQ(text, "a key: sk-***");
}

TEST(EventOutlet, TheNewestKeysOfAProviderAreHiddenAndThoseOfLongAgoForgotten) {
    support::event_list program;
    event_outlet outlet(&program);
    redactor configured;
    configured.add_secret("configured");
    outlet.show({}, configured);
    outlet.hide("other", resolved_key("others-key"));
    for (int i = 0; i < 6; ++i)
        outlet.hide("alpha", {"key-" + std::to_string(i), {"part-" + std::to_string(i)}});
    const auto shown = [&outlet](std::string text) {
        outlet.secrets()->redact(text);
        return text;
    };
    EXPECT_EQ(shown("key-0 key-1 part-1 key-2 part-2 key-5 part-5 others-key configured"),
              "key-0 key-1 part-1 *** *** *** *** *** ***");
    outlet.show({}, {}); // calls of the time before go on
    EXPECT_EQ(shown("key-5 configured"), "*** ***");
    outlet.show({}, {});
    EXPECT_EQ(shown("key-5 configured"), "*** configured");
    const std::array<log_field, 1> fields{{{"message", "key-5"}}};
    outlet.write(severity::error, "odd.event", fields);
    EXPECT_THAT(program.lines(), ElementsAre("odd.event message=***"));
}

// A store that has the same key as before, however often it is asked, troubles no sink.
TEST(EventOutlet, AKeyThatIsHiddenAlreadyChangesNothing) {
    event_outlet outlet(nullptr);
    outlet.show({{"sink", make_callback_sink([](const connector::event&) {})}}, {});
    outlet.hide("alpha", {"the-key", {"part"}});
    const std::shared_ptr<const redactor> known = outlet.secrets();
    outlet.hide("alpha", {"the-key", {"part"}});
    EXPECT_EQ(outlet.secrets(), known);
    outlet.hide("alpha", {"the-key", {"part", "another-part"}});
    EXPECT_NE(outlet.secrets(), known);
    EXPECT_TRUE(outlet.secrets()->has_secret("another-part"));
}

} // namespace
} // namespace modelmesh::detail
