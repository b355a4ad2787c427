// A move-only std::function.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace modelmesh {

template <class Signature> class function;

/// Owns any callable, including one that cannot be copied. Calling an empty function is undefined.
/// Cost: callables of up to four pointers live inside, larger ones are allocated; a call is one indirect
/// jump.
template <class R, class... Args> class function<R(Args...)> {
    static constexpr std::size_t room = 4 * sizeof(void*);
    struct storage {
        alignas(void*) std::byte bytes[room];
    };
    struct actions {
        R (*call)(storage&, Args...);
        void (*move)(storage& from, storage& to) noexcept; ///< leaves nothing to destroy in `from`
        void (*destroy)(storage&) noexcept;
    };

    template <class F>
    static constexpr bool fits =
        sizeof(F) <= room && alignof(F) <= alignof(void*) && std::is_nothrow_move_constructible_v<F>;

    template <class F> struct inside {
        static F& in(storage& s) noexcept { return *std::launder(reinterpret_cast<F*>(s.bytes)); }
        static R call(storage& s, Args... args) { return in(s)(std::forward<Args>(args)...); }
        static void move(storage& from, storage& to) noexcept {
            ::new (static_cast<void*>(to.bytes)) F(std::move(in(from)));
            in(from).~F();
        }
        static void destroy(storage& s) noexcept { in(s).~F(); }
        static constexpr actions all{&call, &move, &destroy};
    };
    template <class F> struct outside {
        static F*& in(storage& s) noexcept { return *std::launder(reinterpret_cast<F**>(s.bytes)); }
        static R call(storage& s, Args... args) { return (*in(s))(std::forward<Args>(args)...); }
        static void move(storage& from, storage& to) noexcept {
            ::new (static_cast<void*>(to.bytes)) F*(in(from));
        }
        static void destroy(storage& s) noexcept { delete in(s); }
        static constexpr actions all{&call, &move, &destroy};
    };

public:
    function() = default;
    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, function> && std::is_invocable_r_v<R, F&, Args...>)
    function(F&& f) {
        using callable = std::remove_cvref_t<F>;
        if constexpr (fits<callable>) {
            ::new (static_cast<void*>(storage_.bytes)) callable(std::forward<F>(f));
            actions_ = &inside<callable>::all;
        } else {
            ::new (static_cast<void*>(storage_.bytes)) callable*(new callable(std::forward<F>(f)));
            actions_ = &outside<callable>::all;
        }
    }
    function(function&& other) noexcept { take(other); }
    function& operator=(function&& other) noexcept {
        if (this != &other) {
            clear();
            take(other);
        }
        return *this;
    }
    ~function() { clear(); }

    explicit operator bool() const noexcept { return actions_ != nullptr; }
    R operator()(Args... args) { return actions_->call(storage_, std::forward<Args>(args)...); }

private:
    void take(function& other) noexcept {
        actions_ = std::exchange(other.actions_, nullptr);
        if (actions_ != nullptr) actions_->move(other.storage_, storage_);
    }
    void clear() noexcept {
        if (actions_ != nullptr) std::exchange(actions_, nullptr)->destroy(storage_);
    }

    const actions* actions_ = nullptr;
    storage storage_;
};

} // namespace modelmesh
