/**
 * Functions in which trouble is found but not made: what reports, checks, locks, waits, copies and frees for all of the
 * kernel, and the way into an exception. The function that called them is the one to name. A star stands for any end.
 */
const BYSTANDERS: Readonly<Record<string, string>> = {
  reports: `dump_stack* show_stack* show_regs* show_trace* dump_backtrace* print_report print_address_description*
    end_report start_report panic nmi_panic __warn* warn_slowpath* report_bug handle_bug check_panic_on_warn
    print_circular_bug* print_irq_inversion_bug* print_usage_bug* print_deadlock_bug* print_unlock_imbalance_bug*
    print_bad_irq_dependency* print_lock_nested_lock_not_held* print_lock_invalid_wait_context* print_freed_lock_bug*
    dump_page* __dump_page* nmi_cpu_backtrace* nmi_trigger_cpumask_backtrace* sched_show_task rcu_dump_cpu_stacks*
    trigger_*backtrace object_err print_trailer slab_bug slab_fix`,
  exceptions: `exc_* asm_exc_* asm_sysvec_* sysvec_* __sysvec_* die die_* __die* oops_* page_fault* page_fault_oops
    do_user_addr_fault do_kern_addr_fault do_error_trap do_trap* bad_area* __bad_area* kernelmode_fixup_or_oops no_context
    invalid_op do_page_fault do_mem_abort do_translation_fault __do_kernel_fault die_kernel_fault bug_handler brk_handler
    do_debug_exception call_break_hook do_el1_* el1_* el1h_* el1t_* el0_* el0t_* error_entry error_code
    search_exception_tables fixup_exception do_undefinstr arm64_notify_die __do_page_fault do_general_protection
    do_int3* do_invalid_op do_divide_error retint_* common_exception`,
  sanitisers: `kasan_* __kasan_* ____kasan_* __asan_* kcsan_* __tsan_* __ubsan_* ubsan_* kmsan_* __msan_* kfence_* __kfence_*
    val_to_string handle_overflow`,
  lockdep: `__lock_* lock_acquire* lock_release* validate_chain* check_prev_add check_prevs_add check_noncircular
    check_irq_usage check_deadlock* check_wait_context* mark_lock* mark_usage mark_held_locks lockdep_*
    debug_check_no_locks_* debug_check_no_obj_freed __debug_check_no_obj_freed debug_lockdep_* debug_object_* debug_print_*
    register_lock_class assign_lock_key trace_hardirqs_* rcu_lock_acquire rcu_lock_release lock_is_held* valid_state
    print_lock* lock_sync`,
  locks: `_raw_* __raw_* do_raw_* mutex_lock* mutex_unlock mutex_trylock* __mutex_* ww_mutex_* __ww_mutex_* down down_*
    __down* up up_read up_write __up* rwsem_* spin_dump spin_bug rwlock_bug queued_* native_queued_* rt_mutex_*
    __rt_mutex_* rtlock_* percpu_down_* percpu_rwsem_* __percpu_down_* spin_lock* spin_unlock* rt_spin_*`,
  waiting: `__might_* ___might_* schedule* __schedule* preempt_schedule* preempt_count_* __preempt_count_* io_schedule*
    context_switch __switch_to* wait_for_completion* __wait_for_common do_wait_for_common wait_woken bit_wait* __wait_on_*
    out_of_line_wait_on_* msleep* usleep_* do_nanosleep check_preemption_disabled debug_smp_processor_id
    __this_cpu_preempt_check finish_task_switch* schedule_debug`,
  copies: `memcpy* memset* memmove* memcmp* __memcpy* __memset* __memmove* __pi_mem* __pi_str* strcpy strncpy strlcpy strscpy*
    strcat* strncat strlen strnlen strcmp strncmp strchr* copy_to_user* copy_from_user* copy_user_* _copy_to_user
    _copy_from_user __copy_* __arch_copy_* raw_copy_* clear_user* __check_object_size check_object_size* __check_heap_object
    check_heap_object check_stack_object usercopy_* fortify_panic __fortify_panic fortify_report __fortify_report rep_movs*
    rep_stos*`,
  checks: `__list_add_valid* __list_del_entry_valid* refcount_warn_saturate refcount_dec_* refcount_inc_* __stack_chk_fail
    list_add list_del* __list_add __list_del*`,
  memory: `kfree* __kfree* kvfree* kmalloc* __kmalloc* __do_kmalloc* kmem_cache_* __kmem_cache_* slab_* __slab_* ___slab_*
    slub_* check_slab check_object check_bytes_and_report alloc_debug_processing free_debug_processing
    alloc_consistency_checks free_consistency_checks free_to_partial_list cache_free* do_slab_free on_freelist get_partial*
    new_slab validate_slab init_object bad_page bad_range free_page_is_bad* free_pages* __free_pages* free_unref_page*
    free_pcp_* free_pcppages_bulk get_page_from_freelist __alloc_pages* alloc_pages* rmqueue* vfree* __vfree* allocate_slab*
    free_the_page free_tail_page* __free_one_page* qlist_* quarantine_*`,
  time: `delay_* __delay __const_udelay __udelay __ndelay cpu_relax read_tsc ktime_get* native_pause rep_nop touch_*`,
};

const pattern = Object.values(BYSTANDERS)
  .join(' ')
  .trim()
  .split(/\s+/)
  .map((word) => (word.endsWith('*') ? word.slice(0, -1) : `${word}$`).replaceAll('*', '\\w*'))
  .join('|');
const BYSTANDER = new RegExp(`^(?:${pattern})`);

/** Whether a function is one of those. */
export function isBystander(name: string): boolean {
  return BYSTANDER.test(name);
}

const SYSTEM_CALL =
  /^(?:__(?:x64|ia32|arm64|do|se)_)(?:compat_)?sys_(\w{1,60})$|^(?:ksys|sys|SyS)_(\w{1,60})$/;
/** What runs the work that kernel threads are given. */
const THREAD_ROOT =
  /^(?:kthread|kthread_worker_fn|process_one_work|worker_thread|ret_from_fork\w{0,20}|kernel_init\w{0,20}|do_one_initcall|smpboot_thread_fn)$/;

/** The system call that a function is the entry of: `write` of `__x64_sys_write`. */
export function systemCallOf(name: string): string | undefined {
  const found = SYSTEM_CALL.exec(name);
  return found?.[1] ?? found?.[2];
}

/** Whether a function runs what kernel threads are given. */
export function isThreadRoot(name: string): boolean {
  return THREAD_ROOT.test(name);
}
