"""The whole module: functions, globals, maps, license."""

from __future__ import annotations

from ..ctype import Record, align_of, is_constant, is_scalar, size_of
from ..diagnostics import Loc, Rejection
from ..provenance.plan import Instance, Plan
from ..sections import section_of
from ..symbols import MARK
from ..tree import CompoundLiteral, FunctionDecl, MapDecl, Storage, Unit, VarDecl
from .arena import SECTION as ARENA_SECTION
from .arena import check_globals
from .calls import abi, abi_result
from .constant import Folder, Image, static_image
from .debuginfo import DebugInfo
from .function import FunctionLowering, attributes_of, linkage_of
from .irtext import ByteOrder, ModuleText, quote, quote_text, symbol
from .maps import EVENTS_SECTION, PIN_SECTION, SCOPE_SECTION, definition

BIG_ENDIAN = ("s390x",)


def byte_order(arch: str) -> ByteOrder:
    """The byte order of an architecture's BPF programs."""
    return "big" if arch in BIG_ENDIAN else "little"


def emit_module(unit: Unit, plan: Plan, *, arch: str, cpu: str) -> str:
    """Lower ``unit`` as ``plan`` says to the text of an LLVM module.

    ``arch`` gives the byte order, ``cpu`` is LLVM's BPF CPU level. Raises Rejection for what
    BPF cannot do.
    """
    return ModuleLowering(unit, plan, arch=arch, cpu=cpu).emit()


class ModuleLowering:
    """The `Scope` of the functions, which defines what they reach."""

    def __init__(self, unit: Unit, plan: Plan, *, arch: str, cpu: str) -> None:
        self.cpu = cpu
        self._unit = unit
        self._plan = plan
        self._text = ModuleText(byte_order(arch))
        self._debug = DebugInfo(self._text, file=unit.file, source=unit.source)
        self._folder = Folder(self, self._text, static=True)
        self._variables: dict[VarDecl, str] = {}
        self._maps = {decl.var: decl for decl in unit.maps}
        self._definitions: dict[str, Record] = {}
        self._called = {
            id(target) for instance in plan.instances for target in instance.calls.values()
        }

        self._sections = {section_of(i.function, i.symbol) for i in plan.entries}
        self._sections |= {variable.section for variable in unit.globals}

    def emit(self) -> str:
        """Lower everything."""
        check_globals(self._unit)
        for decl in self._unit.maps:
            self._define_map(decl)
        for variable in self._unit.globals:
            if variable not in self._maps and variable.storage is not Storage.EXTERN:
                self.variable(variable)
        self._license()
        programs = {id(instance) for instance in self._plan.entries}
        for instance in self._plan.instances:
            self._function(instance, program=id(instance) in programs)
        self._debug.finish()
        self._text.functions = [self._debug.resolve(text) for text in self._text.functions]
        return self._text.text()

    # ------------------------------------------------------------ functions

    def _function(self, instance: Instance, *, program: bool) -> None:
        decl = instance.function
        section = section_of(decl, instance.symbol) if program else ""
        inline = not decl.noinline and (not program or id(instance) in self._called)
        lowering = FunctionLowering(
            self._text, self._debug, self, instance, self._plan.read_helper, program=program
        )
        attributes = attributes_of(decl, section=section, inline=inline)
        self._text.functions.append(lowering.define(self.function(instance), attributes))

    def function(self, instance: Instance) -> str:
        """The symbol of an emitted copy of a function."""
        return self._named(instance.symbol)

    def _named(self, name: str) -> str:
        """A symbol; one that is called like a section is marked until the object is written."""
        return symbol(MARK + name if name in self._sections else name)

    def entry(self, decl: FunctionDecl) -> str:
        """The symbol of the program or kernel function that a static initialiser names."""
        for instance in self._plan.instances:
            if instance.function is decl:
                return self.function(instance)
        if decl.body is not None:
            raise Rejection(
                f"the address of the function '{decl.name}' cannot stand in an object",
                decl.loc,
                "BPF calls by address only what it passes to a helper; name the function there",
            )
        return self.external(decl, decl.loc)

    def external(self, decl: FunctionDecl, loc: Loc) -> str:
        """The symbol of a function that the kernel defines (a kfunc), or of an LLVM intrinsic."""
        name = decl.asm_label or decl.name
        if not (decl.section or name.startswith("llvm.")):
            raise Rejection(
                f"the function '{decl.name}' is declared but nowhere defined",
                loc,
                "define it in this text; a kernel function is declared with __ksym",
            )
        params = ", ".join(abi(t, loc) for t in decl.type.params)
        if name.startswith("llvm."):
            return self._text.declare(
                name, f"{abi_result(decl.type.result, loc)} @{name}({params})"
            )
        weak = "extern_weak " if decl.weak else ""
        return self._text.declare(
            name,
            f"!dbg {self._debug.declaration(decl)} {weak}{abi_result(decl.type.result, loc)} "
            f'{symbol(name)}({params}) section "{decl.section}"',
        )

    # ------------------------------------------------------------ globals

    def variable(self, decl: VarDecl) -> str:
        """The symbol of an object with static storage, defined on first use."""
        if decl in self._maps:
            return self.map(self._maps[decl])
        found = self._variables.get(decl)
        if found is not None:
            return found
        name = f"{decl.owner}.{decl.name}" if decl.owner else decl.name
        found = self._variables[decl] = self._free_name(self._named(name))
        if decl.storage is Storage.EXTERN:
            self._declare_variable(decl, found)
        else:
            self._define_variable(decl, found)
        return found

    def _free_name(self, name: str) -> str:
        taken = set(self._variables.values())
        serial = 0
        plain = name
        while name in taken:
            serial += 1
            name = f"{plain}.{serial}"
        return name

    def _declare_variable(self, decl: VarDecl, name: str) -> None:
        if not decl.section:
            raise Rejection(
                f"the variable '{decl.name}' is declared but nowhere defined",
                decl.loc,
                "define it in this text; a kernel symbol is declared with __ksym or __kconfig",
            )
        described = self._debug.variable(
            decl.name, decl.type, decl.loc, extern=True, tags=decl.tags
        )
        linkage = "extern_weak" if decl.weak else "external"
        self._text.globals.append(
            f"{name} = {linkage} global [{size_of(decl.type)} x i8], "
            f'section "{decl.section}", align {align_of(decl.type)}, !dbg {described}'
        )

    def _define_variable(self, decl: VarDecl, name: str) -> None:
        internal = decl.storage is Storage.STATIC
        if decl.section.startswith((".maps", ".struct_ops")):
            self._debug.require_pointed(decl.type)
        described = self._debug.variable(
            decl.name, decl.type, decl.loc, internal=internal, tags=decl.tags
        )
        image = Image(bytearray(size_of(decl.type)), self._text.byte_order)
        if decl.init is not None:
            image = static_image(decl.type, decl.init, self._folder, self._text.byte_order)
        # A number that is written as bytes would be taken apart, and lose its name.
        kind, value = image.scalar() if is_scalar(decl.type) else image.typed()
        what = "constant" if is_constant(decl.type) else "global"
        linkage = linkage_of(decl, internal=internal)
        home = decl.section
        if decl.address_space:
            home, what = f"{ARENA_SECTION}{decl.address_space}", "global"
            linkage += f" addrspace({decl.address_space})"
        section = f', section "{quote_text(home)}"' if home else ""
        self._text.globals.append(
            f"{name} = {linkage} {what} {kind} {value}{section}, "
            f"align {max(decl.align, align_of(decl.type))}, !dbg {described}"
        )

    def literal(self, e: CompoundLiteral) -> str:
        """The symbol of a compound literal outside functions."""
        name = f"@.literal.{self._text.serial()}"
        image = static_image(e.type, e.init, self._folder, self._text.byte_order)
        kind, value = image.typed()
        what = "constant" if is_constant(e.type) else "global"
        self._text.globals.append(
            f"{name} = internal {what} {kind} {value}, align {align_of(e.type)}"
        )
        return name

    def _license(self) -> None:
        own = any(variable.section == "license" for variable in self._unit.globals)
        if own or not self._unit.license:
            return
        data = self._unit.license.encode() + b"\0"
        self._text.globals.append(
            f"@_license = dso_local global [{len(data)} x i8] "
            f'c"{quote(data)}", section "license", align 1'
        )

    # ------------------------------------------------------------ maps

    def map(self, decl: MapDecl) -> str:
        """The symbol of a map."""
        return self._named(decl.name)

    def _define_map(self, decl: MapDecl) -> None:
        record = self._definition(decl)
        self._debug.require_pointed(record)
        described = self._debug.variable(decl.name, record, decl.loc)
        self._text.globals.append(
            f"{self.map(decl)} = dso_local global [{record.size} x i8] zeroinitializer, "
            f'section ".maps", align 8, !dbg {described}'
        )
        self._note(f"{decl.name}.pin", decl.pin_path, PIN_SECTION)
        self._note(f"{decl.name}.scope", decl.scope, SCOPE_SECTION)
        if decl.event is not None:
            name = decl.name + ".event"
            event = self._debug.variable(name, decl.event, decl.loc)
            self._text.globals.append(
                f"{symbol(name)} = dso_local global [{max(1, decl.event.size)} x i8] "
                f'zeroinitializer, section "{EVENTS_SECTION}", align {decl.event.align}, '
                f"!dbg {event}"
            )

    def _note(self, name: str, text: str, section: str) -> None:
        """Tell the loader something about a map, unless there is nothing to tell."""
        if text:
            data = text.encode() + b"\0"
            self._text.globals.append(
                f"{symbol(name)} = dso_local global [{len(data)} x i8] "
                f'c"{quote(data)}", section "{section}", align 1'
            )

    def _definition(self, decl: MapDecl) -> Record:
        found = self._definitions.get(decl.name)
        if found is None:
            inner = None
            if decl.inner:
                inner = next((m for m in self._unit.maps if m.name == decl.inner), None)
                if inner is None:
                    raise Rejection(
                        f"there is no map '{decl.inner}' to put in '{decl.name}'",
                        decl.loc,
                        "declare the inner map in the same text",
                    )
                if inner is decl or inner.inner:
                    raise Rejection("maps can be nested once", decl.loc, "use a plain map inside")
            record = definition(decl, self._definition(inner) if inner is not None else None)
            found = self._definitions[decl.name] = record
        return found
