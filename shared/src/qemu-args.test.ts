import { describe, expect, it } from 'vitest';
import { checkQemuArgs } from './qemu-args.js';

describe('arguments of QEMU that a job brings', () => {
  it.each([
    ['-cpu', 'max,+smap,-svm,pmu=off'],
    ['-machine', 'q35,smm=off'],
    ['-M', 'virt,gic-version=3'],
    ['-smp', '4,sockets=2,cores=2'],
    ['-device', 'virtio-rng-pci,id=rng0,max-bytes=1024', '-device', 'edu'],
    ['-rtc', 'base=2020-01-01T00:00:00,clock=vm'],
    ['-no-hpet', '-icount', 'shift=auto,sleep=off'],
  ])('pass when they set up the guest: %s %s', (...args) => {
    expect(() => checkQemuArgs(args)).not.toThrow();
  });

  it.each([
    ['-drive', 'file=/etc/shadow'],
    ['-device', 'loader,file=/etc/shadow'],
    ['-device', 'e1000,romfile=/etc/shadow'],
    ['-device', 'edu,romfile=/etc/shadow'],
    ['-device', 'vfio-pci,host=01:00.0'],
    ['-machine', 'virt,dumpdtb=/etc/passwd'],
    ['-machine', 'pc,accel=kvm'],
    ['-netdev', 'tap,script=/bin/sh'],
    ['-monitor', 'tcp::4444,server'],
    ['-chardev', 'file,path=/x'],
    ['-icount', 'shift=1,rr=record,rrfile=/x'],
    ['-numa', 'node,memdev=x'],
    ['-incoming', 'exec:sh'],
    ['-readconfig', '/x'],
    ['-cpu'],
    ['constructor', 'x'],
    [''],
    ['-cpu', 'max,x=/etc/passwd'],
  ])('are refused when they may reach the host: %s %s', (...args) => {
    expect(() => checkQemuArgs(args)).toThrow(/is refused/);
  });
});
