import { KbisectError } from './errors.js';

/** Models of `-device` that are emulated whole: none opens a file, a device or a socket of the host. */
const DEVICES = new Set([
  ...['virtio-rng-pci', 'virtio-balloon-pci', 'virtio-keyboard-pci', 'virtio-mouse-pci', 'virtio-tablet-pci'],
  ...['virtio-scsi-pci', 'virtio-gpu-pci', 'virtio-serial-pci', 'virtio-iommu-pci', 'lsi53c895a', 'megasas'],
  ...['megasas-gen2', 'mptsas1068', 'pvscsi', 'am53c974', 'ahci', 'ich9-ahci', 'sdhci-pci', 'nec-usb-xhci'],
  ...[
    'qemu-xhci',
    'piix3-usb-uhci',
    'ich9-usb-ehci1',
    'usb-ehci',
    'usb-kbd',
    'usb-mouse',
    'usb-tablet',
    'usb-hub',
  ],
  ...['pcie-root-port', 'pci-bridge', 'pxb-pcie', 'intel-iommu', 'amd-iommu', 'i6300esb', 'ib700', 'edu'],
  ...['pci-testdev', 'pvpanic', 'vmgenid', 'smbus-eeprom', 'i82801b11-bridge', 'ioh3420', 'x3130-upstream'],
]);
/** Properties that set up the machine alone; those that name a file, a backend or a host device are not here. */
const PROPERTIES = new Set([
  ...['id', 'bus', 'addr', 'slot', 'chassis', 'port', 'multifunction', 'disable-legacy', 'disable-modern'],
  ...[
    'iommu_platform',
    'ats',
    'vectors',
    'num-queues',
    'num_queues',
    'max-bytes',
    'period',
    'serial',
    'intremap',
  ],
  ...[
    'device-iotlb',
    'caching-mode',
    'aw-bits',
    'guid',
    'bus_nr',
    'numa_node',
    'reserve',
    'hotplug',
    'ioport',
  ],
]);
const MACHINES = /^(?:pc|q35|virt|microvm|pc-i440fx-[\d.]{1,5}|pc-q35-[\d.]{1,5}|virt-[\d.]{1,5})$/;
const MACHINE_PROPERTIES = new Set([
  ...[
    'gic-version',
    'virtualization',
    'secure',
    'its',
    'highmem',
    'iommu',
    'mte',
    'smm',
    'usb',
    'vmport',
    'hpet',
  ],
  ...[
    'pit',
    'pic',
    'rtc',
    'acpi',
    'hmat',
    'sata',
    'smbus',
    'graphics',
    'kernel-irqchip',
    'ras',
    'isa-serial',
  ],
]);

const all = (expression: RegExp) => (value: string) => expression.test(value);

/** The options that a job may give, and what each may be given. */
const OPTIONS: Readonly<Record<string, ((value: string) => boolean) | 'no value'>> = {
  '-cpu': all(/^[\w.+-]{1,60}(?:,[+-]?[\w.-]{1,40}(?:=[\w.-]{1,40})?){0,60}$/),
  '-smp': all(
    /^(?:(?:cpus|maxcpus|sockets|dies|clusters|cores|threads)=)?\d{1,3}(?:,(?:cpus|maxcpus|sockets|dies|clusters|cores|threads)=\d{1,3}){0,6}$/,
  ),
  '-machine': isMachine,
  '-M': isMachine,
  '-device': isDevice,
  '-rtc': all(/^(?:base|clock|driftfix)=[\w:-]{1,30}(?:,(?:base|clock|driftfix)=[\w:-]{1,30}){0,2}$/),
  '-icount': all(/^(?:shift=)?(?:auto|\d{1,2})(?:,(?:sleep|align)=(?:on|off)){0,2}$/),
  '-numa': all(
    /^(?:node|dist|cpu)(?:,(?:nodeid|cpus|mem|src|dst|val|node-id|socket-id|core-id|thread-id|initiator)=[\dMG-]{1,12}){0,12}$/,
  ),
  '-action': all(/^(?:reboot|shutdown|panic|watchdog)=[a-z-]{1,20}$/),
  '-uuid': all(/^[0-9a-f-]{36}$/i),
  '-no-hpet': 'no value',
  '-no-acpi': 'no value',
};

/**
 * Checks arguments of QEMU that a job brings, one word each: what is not known to stay within the guest is refused.
 * @throws KbisectError `invalid-argument` naming the argument, and what is allowed
 */
export function checkQemuArgs(args: readonly string[]): void {
  for (let n = 0; n < args.length; n++) {
    const option = args[n] ?? '';
    const rule = Object.hasOwn(OPTIONS, option) ? OPTIONS[option] : undefined;
    if (rule === undefined) {
      const known = Object.keys(OPTIONS).join(' ');
      throw refused(option, `it may reach the host; a job may give: ${known}`);
    }
    if (rule === 'no value') continue;
    const value = args[++n];
    if (value === undefined) throw refused(option, 'its value is missing; give each word by a --qemu-arg');
    if (!rule(value))
      throw refused(`${option} ${value}`, 'a part of it is not known to stay within the guest');
  }
}

function isMachine(value: string): boolean {
  const [type = '', ...properties] = value.split(',');
  return MACHINES.test(type.replace(/^type=/, '')) && areKnown(properties, MACHINE_PROPERTIES);
}

function isDevice(value: string): boolean {
  const [model = '', ...properties] = value.split(',');
  return DEVICES.has(model) && areKnown(properties, PROPERTIES);
}

function areKnown(properties: readonly string[], known: ReadonlySet<string>): boolean {
  return properties.every((property) => {
    const [key = '', value] = property.split('=');
    return known.has(key) && value !== undefined && /^[\w.:-]{1,60}$/.test(value);
  });
}

function refused(what: string, why: string): KbisectError {
  return new KbisectError('invalid-argument', `QEMU's argument ${JSON.stringify(what)} is refused: ${why}`);
}
