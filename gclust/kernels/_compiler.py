"""Numba's compiler with less work for helpers: they are only ever compiled into kernels.

Numba optimises every function fully, together with all that it calls, and makes machine code of
it. For a helper both are repeated, and thrown away, with each kernel that calls it. Here a helper
is only simplified before it is linked into its callers; kernels are optimised as ever, and are as
fast as before. Compiling takes a fifth less.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.compiler_machinery import register_pass
from numba.core.dispatcher import _FunctionCompiler  # type: ignore[attr-defined]
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NativeLowering, NopythonRewrites


class _Flags(Flags):
    """Flags that are quick to compare: Numba does so with each look for a function's type."""

    __slots__ = ()

    def __hash__(self) -> int:
        return _HASH

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Flags):
            return {**_DEFAULTS, **self._values} == {**_DEFAULTS, **other._values}
        return NotImplemented


_DEFAULTS = Flags().values()
_HASH = hash(Flags())
"""Numba's hash of flags depends on the names of the options alone."""


@contextmanager
def _older_objects_left() -> Iterator[None]:
    """Keep the collector of garbage from the objects that are there already.

    Compiling makes so many objects that they would all be looked at again and again.
    """
    if gc.get_freeze_count():  # within another compilation, or frozen by somebody else
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _KernelCompiler(_FunctionCompiler):
    def _customize_flags(self, flags: Flags) -> Flags:
        return _Flags(flags)

    def compile(self, args: Any, return_type: Any) -> Any:
        """Compile the function for the types of its arguments."""
        if self.targetoptions.get("no_cpython_wrapper"):  # a helper, within a kernel
            return super().compile(args, return_type)
        with _older_objects_left():
            return super().compile(args, return_type)


class _HelperLibrary(JITCodeLibrary):
    """The code of a helper, to be linked into that of kernels; it is not made executable."""

    def _optimize_final_module(self) -> None:
        passes = self._codegen._module_pass_manager(
            loop_vectorize=False, slp_vectorize=False, opt=0, cost="cheap"
        )
        # Newer versions of Numba return a builder as well.
        manager, *builder = passes if isinstance(passes, tuple) else (passes,)
        manager.run(self._final_module, *builder)

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _HelperLowering(NativeLowering):
    """The last pass of a helper: its code goes into a `_HelperLibrary`."""

    _name = "gclust_helper_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _HelperLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        key = object()  # callers find the code by it; Python never calls it
        state.targetctx.insert_user_function(key, state["cr"].fndesc, [state.library])
        state["cr"] = state["cr"]._replace(cfunc=key)
        return True


class _HelperCompiler(Compiler):
    def define_pipelines(self) -> list[Any]:
        pipelines: list[Any] = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [
                (_HelperLowering, why) if each is NativeLowering else (each, why)
                for each, why in pipeline.passes
                if each is not NopythonRewrites or self.state.flags.nrt
            ]
            pipeline.finalize()
        return pipelines


class KernelDispatcher(CPUDispatcher):
    """A function that Numba compiles when Python calls it."""

    _cache: Any

    def __init__(
        self,
        py_func: Callable[..., Any],
        locals: dict[str, Any] | None = None,
        targetoptions: dict[str, Any] | None = None,
        pipeline_class: type[Compiler] = Compiler,
    ) -> None:
        super().__init__(py_func, locals or {}, targetoptions or {}, pipeline_class)
        self._compiler = _KernelCompiler(
            *(py_func, self.targetdescr, self.targetoptions, self.locals, pipeline_class)
        )


class HelperDispatcher(KernelDispatcher):
    """A helper: kernels call its compiled form, Python code calls the Python function."""

    def __init__(
        self,
        py_func: Callable[..., Any],
        locals: dict[str, Any] | None = None,
        targetoptions: dict[str, Any] | None = None,
        pipeline_class: type[Compiler] = _HelperCompiler,
    ) -> None:
        super().__init__(py_func, locals, targetoptions, pipeline_class)

    def __call__(self, *args: Any) -> Any:
        return self.py_func(*args)

    def add_overload(self, cres: Any) -> None:
        """Keep compiled code for callers; Numba would make it callable by Python as well."""
        self.overloads[tuple(cres.signature.args)] = cres
