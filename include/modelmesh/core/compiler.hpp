// Compiler traps that the public headers turn into errors.
#pragma once

/// Non-zero where a temporary of class type written inside a `co_await` expression is destroyed twice
/// (GCC bug 98935 and its family: all g++ before 13). Entry functions delete their rvalue overloads there,
/// so that `co_await client.chat.completions.create({...})` does not compile instead of corrupting memory.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#define MODELMESH_GCC12_COROUTINES 1
#else
#define MODELMESH_GCC12_COROUTINES 0
#endif
