//! The WebAssembly engine, shared by all components.

use std::time::Duration;

use wasmtime::{Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::{Error, Limits};

/// How often a computing guest is asked whether it should go on.
const TICK: Duration = Duration::from_millis(10);

pub(crate) fn start(limits: &Limits) -> Result<Engine, Error> {
    // A little more than may be used: an instance gives its place back before all of its parts are free.
    let instances = limits
        .instances
        .saturating_add(limits.instances / 8)
        .saturating_add(8);
    let mut pool = PoolingAllocationConfig::new();
    // A component made by Rust is one core module plus small adapters; only memory costs address space.
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(4))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances.saturating_mul(4))
        .max_core_instances_per_component(64)
        .max_memories_per_component(4)
        .max_tables_per_component(16)
        .table_elements(100_000)
        .max_component_instance_size(16 << 20)
        .max_core_instance_size(1 << 20)
        .max_memory_size(limits.memory)
        .max_unused_warm_slots(100)
        .linear_memory_keep_resident(128 << 10)
        .table_keep_resident(16 << 10);
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config).map_err(|error| Error::Engine(format!("{error:#}")))?;
    tick(engine.weak())?;
    Ok(engine)
}

/// Advances the epoch until the engine is gone. An ordinary thread, because the point is to interrupt
/// guests that keep every other thread busy.
fn tick(engine: EngineWeak) -> Result<(), Error> {
    std::thread::Builder::new()
        .name("wasm-epoch".into())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .map_err(|error| Error::Engine(error.to_string()))?;
    Ok(())
}
